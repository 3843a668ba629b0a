"""manage.py conflicts list|resolve --company NAME: pairs that wait for a person, and what is chosen for them."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, NoReturn

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.models import CouplingBase, UndoneRecord
from coupling.rows import field_key
from coupling.undone import left_undone
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import Job
from jobs.running import waiting
from masterdata import catalog
from sync.conflicts import resolving, services
from sync.conflicts.export import deletion_conflicts, update_conflicts
from sync.conflicts.selected_lines import select_lines
from sync.engine.conflicts_standing import StandingField, conflicts_of, read_standing
from sync.local_columns import local_column
from sync.rules.resolving import Choice, Rule, Take, typed

_TAKES = {**{one.value: one for one in Rule}, "send": Rule.HERE, "get": Rule.THERE}
_DELETED: dict[str, Callable[..., list[Job]]] = {
    "restore": services.restore, "uncouple": services.uncouple, "delete": services.delete_survivors,
}  # fmt: skip
_NOTHING = "No pair waits for such a choice, so nothing was done."


class Command(MappingCommand):
    """List pairs that wait for a person, field by field; or choose for them."""

    help = (
        "List the pairs whose same field was changed on both sides, with each field's values, and those of which a "
        "side was deleted; or choose for them: by --take a side or a rule, by --value what both sides get, by "
        "--deleted what becomes of pairs with a deleted side."
    )

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, to start jobs, or to delete records."""
        if options["what"] == "list":
            return Can.READ
        return Can.ADMINISTER if options["deleted"] == "delete" else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, with which pairs and fields."""
        parser.add_argument("what", choices=("list", "resolve"))
        parser.add_argument("--mapping", metavar="MAPPING", help="Only pairs of this mapping.")
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records of it.")
        parser.add_argument(
            "--field", metavar="FIELD[=COLUMN]",
            help="Only this field, as `mapping show` names it; with its column where it is mapped to several.",
        )  # fmt: skip
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument(
            "--take", choices=tuple(_TAKES),
            help="What the fields take: the newer side, the value here (send), there (get), or the last common one.",
        )  # fmt: skip
        choice.add_argument("--value", metavar="TEXT", help="What the field gets on both sides; needs --field.")
        choice.add_argument("--deleted", choices=tuple(_DELETED), help="What becomes of pairs with a deleted side.")
        parser.add_argument(
            "--beyond-brake", action="store_true",
            help="With `--deleted delete`: also more than a mapping's brake lets through.",
        )  # fmt: skip
        parser.add_argument("--preview", action="store_true", help="Say what would be chosen, and choose nothing.")

    def run(self, options: dict[str, Any]) -> None:
        """List, preview, or start the jobs and wait for their end."""
        self._check(options)
        if options["what"] == "list":
            self._list(options)
        elif options["deleted"]:
            how = {"beyond_brake": True} if options["beyond_brake"] else {}
            self._start(lambda: _DELETED[options["deleted"]](undone=self._deleted(options), user=self.acting, **how))
        elif options["value"] is not None:
            self._start(lambda: self._resolve_with_value(options))
        elif options["preview"]:
            self._preview(options)
        else:
            self._start(lambda: self._resolve_by_rule(options))

    def _check(self, options: dict[str, Any]) -> None:
        chosen = [name for name in ("take", "value", "deleted") if options[name] is not None]
        if options["what"] == "list" and (chosen or any(options[one] for one in ("preview", "field", "beyond_brake"))):
            self.usage_error("conflicts list takes --mapping and --select alone.")
        if options["what"] == "resolve" and not chosen:
            self.usage_error("conflicts resolve needs one of --take, --value and --deleted.")
        if options["value"] is not None and not options["field"]:
            self.usage_error("--value needs --field, which it is for.")
        if options["preview"] and not options["take"]:
            self.usage_error("--preview is of a rule: it goes with --take.")
        if options["deleted"] and options["field"]:
            self.usage_error("--deleted is about whole records: it takes no --field.")
        if options["deleted"] in ("delete", "uncouple") and not options["mapping"]:
            self.usage_error(f"--deleted {options['deleted']} needs --mapping, and --select for some of its records.")
        if options["beyond_brake"] and options["deleted"] != "delete":
            self.usage_error("--beyond-brake goes with --deleted delete.")
        if options["select"] and not options["mapping"]:
            self.usage_error("--select needs --mapping, since records of several tables may have the same number.")

    # -- which --------------------------------------------------------------------------------------------------------

    def _changed(self, options: dict[str, Any]) -> "QuerySet[CouplingBase]":
        bases = conflicts_of(self.company)
        if name := options["mapping"]:
            mapping = self.mapping(name)
            bases = bases.filter(mapping=mapping)
            if (selected := self.selection(mapping, options["select"])) is not None:
                bases = bases.filter(coupling__local_id__in=selected)
        return bases

    def _deleted(self, options: dict[str, Any]) -> "QuerySet[UndoneRecord]":
        """Return the pairs of which a side was deleted; those selected go by the number that the record had."""
        lines = left_undone(self.company).filter(reason__in=services.DELETED).select_related("mapping").order_by("pk")
        if name := options["mapping"]:
            mapping = self.mapping(name)
            lines = select_lines(self, lines.filter(mapping=mapping), mapping, options["select"])
        return lines

    # -- listing ------------------------------------------------------------------------------------------------------

    def _list(self, options: dict[str, Any]) -> None:
        deleted = left_undone(self.company).filter(reason__in=services.DELETED).select_related("mapping").order_by("pk")
        if options["mapping"]:
            deleted = deleted.filter(mapping__name=options["mapping"])
        if options["select"]:
            deleted = deleted.filter(local_key__in=options["select"])
        found = [*update_conflicts(self._changed(options)), *deletion_conflicts(deleted)]
        if self.as_json:
            self.print_json({"conflicts": found})
        for one in found:
            self.print_text(f"{one['mapping']:<18} {one['local']['key']} {one['local']['name']}".rstrip())
            if one["kind"] == "deletion":
                self.print_text(f"  deleted {'here' if one['deleted'] == 'here' else 'in Dataverse'}")
            for field in one["fields"]:
                sides = (f"{name} {_text(field[name])}{_by(field, name)}" for name in ("here", "there"))
                self.print_text(f"  {field['field']}: {', '.join(sides)}, last common {_text(field['base'])}")
        self.print_text(f"{len(found):,} wait for a choice.")

    # -- choosing -----------------------------------------------------------------------------------------------------

    def _preview(self, options: dict[str, Any]) -> None:
        """Print each field with what it would take, then what that comes to."""
        plan = resolving.plan_rule(self._changed(options), _TAKES[options["take"]], **_of_field(options))
        keys = {one["coupling"]: one for one in self._named(options)}
        lines = [
            {**keys[pk]["told"], "field": name.partition(":")[0], "take": choice.take.value}
            for pk, fields in plan.chosen.items()
            for name, choice in fields.items()
            if pk in keys
        ]
        summary = {
            "state": "preview", "fields": plan.count, "pairs": len(plan.chosen), "records_here": plan.here,
            "rows_there": plan.there, "waiting": plan.waiting,
        }  # fmt: skip
        if self.as_json:
            self.print_json_lines([*lines, summary])
        for line in lines:
            self.print_text(f"{line['mapping']:<18} {line['local']['key']} {line['field']}: {line['take']}")
        self.print_text(plan.sentence)

    def _named(self, options: dict[str, Any]) -> "list[dict[str, Any]]":
        bases = self._changed(options)
        told = update_conflicts(bases)
        return [
            {"coupling": pk, "told": {"mapping": one["mapping"], "local": one["local"]}}
            for pk, one in zip(list(bases.values_list("pk", flat=True)), told, strict=False)
        ]

    def _resolve_by_rule(self, options: dict[str, Any]) -> list[Job]:
        bases, rule = self._changed(options), _TAKES[options["take"]]
        plan = resolving.plan_rule(bases, rule, **_of_field(options))
        if plan.waiting:
            self.print_progress(f"{plan.waiting:,} fields go on waiting: the rule cannot tell.")
        return resolving.resolve(
            company=self.company, chosen=plan.chosen, user=self.acting, text=f"Resolve update conflicts: {rule.label}"
        )

    def _resolve_with_value(self, options: dict[str, Any]) -> list[Job]:
        bases = self._changed(options)
        mappings = {base.pk: base.mapping for base in bases}
        chosen: dict[int, dict[str, Choice]] = {}
        asked = _of_field(options)
        for standing in read_standing(bases):
            meant = [one for one in standing.fields if one.known and _is_meant(one, **asked)]
            if len(meant) > 1:
                self._refuse_several(meant)
            for one in meant:
                column = local_column(catalog.table(mappings[standing.coupling_id].table), one.local)
                try:
                    typed(column, options["value"])
                except ValueError as error:
                    self.refuse("value_invalid", str(error))
                chosen[standing.coupling_id] = {one.name: one.choice(Take.VALUE, options["value"])}
        return resolving.resolve(company=self.company, chosen=chosen, user=self.acting)

    def _refuse_several(self, meant: Sequence[StandingField]) -> NoReturn:
        """Refuse a value for a field that waits with several columns: each has its own."""
        ways = " or ".join(f"--field {one.local}={one.column}" for one in meant)
        self.refuse(
            "value_invalid",
            f"{meant[0].local} waits with {len(meant)} columns of Dataverse, and one value is not for all, so nothing "
            "was done.",
            f"Say which: {ways}.",
        )

    def _start(self, start: Callable[[], list[Job]]) -> None:
        """Start jobs, and wait for their end."""
        try:
            started = start()
        except EmptySelection:
            self.refuse("empty_selection", _NOTHING, "List them with: manage.py conflicts list --company NAME")
        ended = [waiting.run_to_end(job) for job in started]
        if self.as_json:
            self.print_json({"jobs": [jobs.summary(job) for job in ended]})
        for job in ended:
            self.print_result(jobs.summary(job))
        for job in ended:
            self.end_with(job)


def _of_field(options: dict[str, Any]) -> dict[str, str]:
    """Return which field is meant: by its local field, or by its name where its column is given, too."""
    local, _, column = str(options["field"] or "").replace(":", "=").partition("=")
    return {"field_name": field_key(local, column)} if column else {"local": local}


def _is_meant(one: StandingField, *, field_name: str = "", local: str = "") -> bool:
    return one.name == field_name if field_name else one.local == local


def _text(value: Any) -> str:
    return "blank" if value is None else f'"{value}"'


def _by(field: dict[str, Any], side: str) -> str:
    by, at = field[f"{side}_by"], field[f"{side}_at"]
    told = ", ".join(filter(None, (f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "", by)))
    return f" ({told})" if told else ""
