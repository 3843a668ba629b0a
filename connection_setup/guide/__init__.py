"""The assisted setup guide "Set up a connection to Microsoft Dataverse": one address per step, gone on with any time.

`flow` holds the steps' shape and decides which is next; `own` brings the steps up to the enabled connection; the rooms
above bring theirs (salespeople, recommendations) with `flow.add` while their apps load.
"""
