"""Refusals 1 to 14: what is said no to while tables, columns and roles are made."""

from sandbox.refusals.answers import Refusal

REFUSALS: tuple[Refusal, ...] = ()
