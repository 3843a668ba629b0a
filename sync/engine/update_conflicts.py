"""Conflicts of a chunk's pairs: what a person reads about them, who changed what last, and what was chosen for them.

A pair that conflicts is put aside until all others of its chunk are decided. Then it is read once for all of them who
changed both sides last; and each is decided again, now that it is known which side is newer.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.vocabulary import ConflictOption
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from sync.engine.conflicts_standing import choices_by_rule, read_conflict
from sync.engine.field_specs import Fields
from sync.engine.field_values import SideValues
from sync.engine.last_changes import Change, LastChange, read_last_changes
from sync.engine.options import Options
from sync.engine.pairs import Pair, PairReader, Record
from sync.engine.recorder import display_value
from sync.models import ConflictChoice
from sync.rules.changes import keep_local, keep_remote
from sync.rules.plan import NO_VALUE, Conflict, Decision, FieldConflict, Picked, Put, Write
from sync.rules.resolving import Choice, Refused, Rule, changed_there, has_common, newer, pick, refuse_if_other, seen
from sync.rules.values import Problem, Side, ValueOrProblem

Aside = tuple[Pair, Record, SideValues]


class UpdateConflicts:
    """The pairs of a chunk that conflict, and a job's choices for them: a person's, or by a rule."""

    def __init__(
        self,
        mapping: IntegrationTableMapping,
        gateway: Gateway,
        fields: Fields,
        reader: PairReader,
        *,
        job_id: int,
        options: Options,
    ) -> None:
        self.mapping, self.gateway, self.fields, self.reader = mapping, gateway, fields, reader
        self.job_id, self.options, self.allowed = job_id, options, options.allowed
        self._choices: dict[int, dict[str, Choice]] = {}
        self._refused: dict[int, list[str]] = {}
        self._aside: list[Aside] = []
        self._last: dict[int, LastChange] = {}
        self._there_changed: dict[int, set[str]] = {}

    def begin(self, pairs: Sequence[Pair]) -> None:
        """Read what was chosen for the pairs of a chunk."""
        self._aside, self._last, self._refused, self._choices, self._there_changed = [], {}, {}, {}, {}
        if self.options.rule:
            self._choose_by_rule(pairs)
        if not self.options.by_choice:
            return
        ids = [pair.coupling.id for pair in pairs]
        chosen = ConflictChoice.objects.filter(job=self.job_id, coupling_id__in=ids)
        for coupling_id, fields in chosen.values_list("coupling_id", "fields"):
            self._choices[coupling_id] = {name: Choice.load(one) for name, one in fields.items()}
        self._look_up(pair for pair in pairs if pair.coupling.id in self._choices)

    def _choose_by_rule(self, pairs: Sequence[Pair]) -> None:
        """Choose for the fields that wait of these pairs, on the values that the last run saw."""
        rule = Rule(self.options.rule)
        for pair in pairs:
            standing = read_conflict(pair.coupling.id, self.mapping.pk, pair.coupling.conflict)
            if chosen := choices_by_rule(standing, rule, field_name=self.options.rule_field):
                self._choices[pair.coupling.id] = chosen
        self._look_up(pair for pair in pairs if pair.coupling.id in self._choices)

    def picked(self, pair: Pair, sides: SideValues) -> Picked:
        """Return what a person chose for fields of the pair; choices on values that changed since are left out."""
        found: dict[str, Any] = {}
        refused: list[str] = []
        for name, choice in self._choices.get(pair.coupling.id, {}).items():
            spec = self.fields.specs.get(name)
            if spec is None:
                refused.append(
                    f"{name.partition(':')[0]} is not synchronized by the mapping any more, so the choice for it "
                    "was not carried out. Change the record or the row by hand, or map the field again."
                )
                continue
            local, remote = sides.local_values[name], sides.remote_values[name]
            what: ConflictOption | Put | Refused | None
            if local == remote and not isinstance(local, Problem):
                what = refuse_if_other(choice, spec, pair.base, local)
            else:
                what = pick(choice, spec, pair.base, local, remote, self.allowed)
            if what is None:
                continue
            if isinstance(what, Refused):
                refused.append(what.sentence)
            else:
                found[name] = what
        self._refused[pair.coupling.id] = refused
        return found

    def refusal(self, pair: Pair) -> str:
        """Return why choices for the pair are not carried out, "" where all are."""
        return " ".join(self._refused.get(pair.coupling.id, ()))

    def newer(self, pair: Pair, sides: SideValues) -> dict[str, Side]:
        """Return by field which side was changed last; nothing before that is read."""
        if (last := self._last.get(pair.coupling.id)) is None:
            return {}
        known, there_changed = _known(pair), self._changed_there(pair, sides)
        found = {}
        for name, spec in self.fields.specs.items():
            stored = known.get(name, {})
            here = _changed(stored, "here", sides.local_values[name], last.of_field(spec.local_name))
            there = _changed(stored, "there", sides.remote_values[name], last.there)
            if _of_row(stored, name, sides.remote_values[name], there_changed):
                continue
            if (side := newer(here.at, there.at)) is not None:
                found[name] = side
        return found

    def put_aside(self, decision: Decision, pair: Pair, local: Record, sides: SideValues) -> bool:
        """Put a pair aside that conflicts, if it is not known yet who changed it; return whether it was.

        Without a job nobody reads who it was: it is looked at only where the newer side is to win.
        """
        waiting = _waiting(decision)
        if pair.coupling.id in self._last or not waiting or not (self.job_id or any(one.by_time for one in waiting)):
            return False
        self._aside.append((pair, local, sides))
        self._there_changed[pair.coupling.id] = self._changed_there(pair, sides)
        return True

    def take(self) -> Iterator[Aside]:
        """Yield the pairs put aside, once it is read who changed them last."""
        aside, self._aside = self._aside, []
        if aside:
            self._look_up(pair for pair, *_ in aside)
            pairs = [pair for pair, *_ in aside]
            self._last = read_last_changes(self.mapping, self.gateway, self.reader, pairs, named=bool(self.job_id))
        yield from aside

    def _look_up(self, pairs: Iterable[Pair]) -> None:
        """Look up the partners of references that stand on neither side now: last common values, and typed ones."""
        links = {name: spec for name, spec in self.fields.specs.items() if spec.kind == "link" and spec.field}
        records, rows = [], []
        for pair in pairs:
            choices = self._choices.get(pair.coupling.id, {})
            for name, spec in links.items():
                if name in choices and choices[name].text:
                    records.append({spec.local_name: choices[name].text.strip()})
                if isinstance(known := pair.base.get(name), str) and known != NO_VALUE:
                    rows.append({spec.column.name: known})
        if records or rows:
            self.fields.prepare(records, rows)

    def _changed_there(self, pair: Pair, sides: SideValues) -> set[str]:
        remote = {name: sides.remote_values[name] for name in self.fields.specs if name in sides.remote_values}
        return changed_there(pair.base, sides.local_values, remote)

    def asks(self, pair: Pair) -> bool:
        """Return whether the pair was put aside and is decided again."""
        return pair.coupling.id in self._last

    def describe(self, decision: Conflict | Write, pair: Pair) -> list[dict[str, Any]]:
        """Return the fields that wait for a person as the pair keeps them."""
        last, known = self._last.get(pair.coupling.id, LastChange()), _known(pair)
        return [self._describe(one, pair, last, known) for one in _waiting(decision)]

    def _describe(
        self,
        one: FieldConflict,
        pair: Pair,
        last: LastChange,
        known: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Any]:
        spec, values = self.fields.specs[one.name], pair.local.values if pair.local is not None else {}
        stored, base, has_base = known.get(one.name, {}), pair.base.get(one.name), has_common(pair.base, one.name)
        here = _changed(stored, "here", one.local, last.of_field(spec.local_name))
        there = _changed(stored, "there", one.remote, last.there)
        of_row = _of_row(stored, one.name, one.remote, self._there_changed.get(pair.coupling.id, set()))
        base_at = pair.coupling.synchronized_at.isoformat() if pair.coupling.synchronized_at else ""
        if stored.get("base_at") and stored.get("base") == keep_remote(spec, base):
            base_at = str(stored["base_at"])  # what was written since were other fields
        return {
            "name": one.name, "local": spec.local_name, "caption": spec.caption, "integration": spec.column.name,
            "local_value": display_value(one.local), "integration_value": display_value(one.remote),
            "base_value": display_value(one.base) if has_base else None,
            "here": keep_local(spec.field, values.get(spec.local_name)), "there": keep_remote(spec, one.remote),
            "base": keep_remote(spec, base) if has_base else None,
            "here_value": seen(one.local), "there_value": seen(one.remote),
            "here_at": _text(here), "here_by": here.by, "there_at": _text(there), "there_by": there.by,
            "there_of_row": of_row,
            "base_at": base_at if has_base else "",
            "kind": spec.kind if spec.kind in ("link", "choice") else spec.field.type if spec.field else "text",
        }  # fmt: skip


def _waiting(decision: Decision) -> Sequence[FieldConflict]:
    if isinstance(decision, Conflict):
        return decision.fields
    return decision.waiting if isinstance(decision, Write) else ()


def _known(pair: Pair) -> dict[str, Mapping[str, Any]]:
    """Return what the pair's last conflict says of its fields, by name."""
    return {one["name"]: one for one in (pair.coupling.conflict or {}).get("fields", ()) if "name" in one}


def _changed(stored: Mapping[str, Any], side: str, value: ValueOrProblem, last: Change) -> Change:
    """Return the last change of a field on a side: the one that is stored, where it held this value then already."""
    if stored.get(f"{side}_at") and stored.get(f"{side}_value") == seen(value):
        return Change.stored(stored, side)
    return last


def _of_row(stored: Mapping[str, Any], name: str, value: ValueOrProblem, changed: Collection[str]) -> bool:
    """Return whether of a field it is known alone when its row was changed last, which other columns were too.

    changed: the fields whose columns were. What an earlier run saw already goes by what was known then.
    """
    if stored.get("there_at") and stored.get("there_value") == seen(value):
        return bool(stored.get("there_of_row"))
    return any(one != name for one in changed)


def _text(change: Change) -> str:
    return change.at.isoformat() if change.at is not None else ""
