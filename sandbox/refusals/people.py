"""Refusals 15 to 26 and 38 to 40: who may not come in, who lacks what, and what sign-in says."""

from sandbox.refusals.answers import Refusal

REFUSALS: tuple[Refusal, ...] = ()
