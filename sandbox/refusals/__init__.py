"""Forty answers on demand: what the real service refuses, numbered, so that a test can ask for each.

A module for each group (`customizing` 1-14, `people` 15-26 and 38-40, `rows` 27-37) holds `REFUSALS`, a tuple of
`Refusal`; `registry` knows them all and reads the entries of `POST /_sandbox/faults` that name a number.
"""
