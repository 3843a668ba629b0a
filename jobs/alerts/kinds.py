"""The kinds of alerts and where their facts come from: rooms name both while their apps load."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.alerts.decisions import Fact

Source = Callable[[datetime], Iterable[Fact]]
"""Gives what stands now in all companies; it asks the database alone, and few times, however many companies there are.
"""
MappingNames = Callable[[Iterable[int]], Iterable[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the word programs know it by, what people call it, and when it begins and ends, as a sentence."""

    name: str
    label: str
    hint: str


_kinds: dict[str, Kind] = {}
_sources: dict[str, list[Source]] = {}
_mapping_names: list[MappingNames] = []


def add(name: str, label: str, hint: str) -> None:
    """Name a kind. hint: when it begins and when it is over, as a sentence."""
    _kinds.setdefault(name, Kind(name, label, hint))


def add_source(kind: str, source: Source) -> None:
    """Have a kind's facts come from here too; another room may name the kind."""
    sources = _sources.setdefault(kind, [])
    if source not in sources:
        sources.append(source)


def all_kinds() -> Mapping[str, Kind]:
    """Return the kinds that something raises, by name, in the order of what people call them."""
    return {kind.name: kind for kind in sorted(_kinds.values(), key=lambda one: one.label) if kind.name in _sources}


def sources_of(name: str) -> Sequence[Source]:
    """Return where a kind's facts come from."""
    return tuple(_sources.get(name, ()))


def label(name: str) -> str:
    """Return what people call a kind; of one that no room names any more, its word."""
    return _kinds[name].label if name in _kinds else name


def mapping_names(source: MappingNames) -> None:
    """Name what knows the mappings: given ids of companies, it gives pairs of company and mapping's name."""
    _mapping_names.append(source)


def mappings_of(companies: Iterable[int]) -> set[tuple[int, str]]:
    """Return the mappings that companies have, as pairs of the company's id and the mapping's name."""
    asked = list(companies)
    return {pair for source in _mapping_names for pair in source(asked)}


def names_in(company: Any) -> list[str]:
    """Return the names of a company's mappings, in order."""
    return sorted(name for _, name in mappings_of([company.pk]))
