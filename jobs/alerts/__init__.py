"""Alerts: what people are told by mail or webhook, once when it begins and once when it is over.

Rooms name kinds and where their facts come from (kinds.py); what follows from the facts is decided without I/O
(decisions.py), and carried out by the tick (work.py). docs/alerts.md says what receivers get.
"""
