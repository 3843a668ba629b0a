"""The ways out where another organization answers than the one a company's couplings belong to.

Page and command show what was and what is, and offer three: point back, keep the couplings whose rows exist there under
the same ids, drop the couplings and start anew. Nothing is written before the choice; what takes long is a job.
"""
