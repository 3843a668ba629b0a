"""The assisted setup guide "Set up a connection to Microsoft Dataverse", with one address per step.

`flow` says what a step is and which may be opened. `first_steps`, `environment_steps` and `connect_step` hold the steps
up to the enabled connection; rooms above add theirs (salespeople, recommendations) with `flow.register_step`.
"""
