"""Bases: what both sides of a pair agreed on at the last synchronization, by field. No Django, no HTTP."""

from collections.abc import Collection, Mapping

from sync.rules.values import Value

LOCAL = "\0"
"""Ends the name under which a base holds the record's value where it is not the row's."""


def local_base(base: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return what the record held at the last synchronization, by field."""
    apart = {name.removesuffix(LOCAL): value for name, value in base.items() if name.endswith(LOCAL)}
    return {**remote_base(base), **apart} if apart else base


def remote_base(base: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return what the row held at the last synchronization, by field."""
    apart = any(name.endswith(LOCAL) for name in base)
    return {name: value for name, value in base.items() if not name.endswith(LOCAL)} if apart else base


def without_fields(base: Mapping[str, Value], names: Collection[str]) -> Mapping[str, Value]:
    """Return a base without these fields."""
    if not names:
        return base
    return {name: value for name, value in base.items() if name.removesuffix(LOCAL) not in names}


def base_after_emptying(base: Mapping[str, Value], blank: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return the base of a pair whose row is blank in columns that were made anew in Dataverse.

    That they are blank is nobody's change: what the record holds is, so that it is sent where the field goes that way.
    blank: by field, what a blank column reads as.
    """
    return {**without_fields(base, blank.keys()), **{name: value for name, value in blank.items() if name in base}}
