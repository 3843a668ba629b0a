"""Couple records with choices that a person names: `manage.py mapping options --pair`."""

from collections.abc import Mapping
from typing import Any

from core.refusals import NotUsable
from coupling import local_records
from coupling.gateway import Gateway
from coupling.mapping_files.types import OptionEntry
from coupling.mappings.option_entries import records_by_code, store_options
from coupling.mappings.services import require_usable
from coupling.models import IntegrationTableMapping


def pair_choices(
    *, mapping: IntegrationTableMapping, pairs: Mapping[str, str], user: Any = None, gateway: Gateway | None = None
) -> None:
    """Couple records, by their codes, with choices, by their values or captions; all of them or none.

    A record that is coupled with another choice is coupled with this one instead; nothing is renamed on either side.
    Raises Refusal: the mapping couples rows, a code or a choice is not there, or the choice has another record.
    """
    if mapping.uid_kind != "option":
        raise NotUsable(
            f"{mapping.name} couples records with rows, not with the choices of a column.",
            "Name a mapping of choices, such as PAYMENT TERMS.",
        )
    require_usable(mapping)
    found = (gateway or Gateway(mapping.company)).choices(mapping).read()
    values = {code: _value(mapping, found, wanted) for code, wanted in pairs.items()}
    options = [OptionEntry(code, value, found[value]) for code, value in values.items()]
    there = records_by_code(mapping, options)
    for one in options:
        if one.code not in there:
            caption = local_records.get_table(mapping).caption
            raise NotUsable(f"{mapping.company} has no {caption} {one.code!r}.", "Check the code.")
    store_options(mapping, options, others_stay=True, user=user)


def _value(mapping: IntegrationTableMapping, found: Mapping[int, str], wanted: str) -> int:
    """Return the value of a choice that is named by its value or its caption. Raises NotUsable."""
    text = wanted.strip()
    named = [value for value, caption in found.items() if text in (str(value), caption.strip())]
    if len(named) != 1:
        known = ", ".join(f"{value} {caption}" for value, caption in found.items())
        raise NotUsable(
            f"{mapping.integration_table}.{mapping.uid_column} has no choice {text!r} in Dataverse."
            if not named
            else f"{len(named)} choices of {mapping.integration_table}.{mapping.uid_column} are called {text!r}.",
            f"It has: {known}." if known else "Add one there first.",
        )
    return named[0]
