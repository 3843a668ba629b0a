"""The connection of a company to Dataverse: settings and sealed secrets, tests, provisioning, the setup page.

Rooms above come in through services (a client for an enabled connection), hooks (what else happens on enabling) and
models.DataverseConnection, which they only read.
"""
