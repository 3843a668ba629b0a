"""Undo of a coupling job: its couplings that nobody touched since are ended, and what synchronization wrote of them
goes back where a person wants it.
"""
