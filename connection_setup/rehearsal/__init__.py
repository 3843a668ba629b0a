"""A rehearsal: every question Tandem asks, and every write it sends, put to the connected environment once.

What the stand-in answered, as shapes without values, is kept in `expected.json`; a test makes it anew and compares.
"""
