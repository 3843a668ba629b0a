"""The web hook: where Dataverse calls this site after a change there, so that mappings run within seconds.

`registration` makes and removes it in Dataverse; `services` keeps what is registered, and its key; `page` shows it.
What a call does is sync's: it wakes mappings, and believes nothing.
"""
