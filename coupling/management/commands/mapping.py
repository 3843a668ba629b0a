"""manage.py mapping WHAT --company NAME [MAPPING]: the mappings, their fields, filters, options, drift and files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandParser

from core.refusals import NotUsable
from core.roles import Can
from core.vocabulary import Direction
from coupling import local_records
from coupling.brakes import Brakes
from coupling.couplings import services
from coupling.couplings.delete_mapping import count_couplings, delete_mapping
from coupling.couplings.option_pairs import pair_choices
from coupling.filters import BadFilter
from coupling.filters.json_text import read_json
from coupling.gateway import Gateway
from coupling.management.mapping_files import WHAT, MappingFileCommand
from coupling.mappings import column_looks, counts, defaults, edit, field_edit, new_mapping, outside_counts, overlaps
from coupling.mappings.brake_arguments import limit_on_coupling, limit_on_creating
from coupling.mappings.document import drift_document, field_documents, mapping_document, option_documents
from coupling.mappings.drift_page import headline as drift_headline
from coupling.mappings.field_arguments import (
    ACTIONS,
    add_field_arguments,
    direction_of,
    field_changes,
    given_for_field,
    table_rows,
)  # fmt: skip
from coupling.mappings.filter_words import integration_filter_text, table_filter_text
from coupling.mappings.services import require_enabled
from coupling.mappings.transformations import look_up_tables
from coupling.matching import criteria
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs import services as jobs
from jobs.running import waiting

_WHAT = ("list", "show", "new", "set", "field", "table", "options", "drift", "reset", "delete")
_SETTINGS = {
    "--direction": "direction", "--table-filter": "table_filter", "--integration-filter": "integration_filter",
    "--conflicts": "conflicts", "--deletion": "deletion", "--blanks": "blanks", "--every": "every",
    "--only-coupled": "only_coupled", "--multi-company": "multi_company", "--template": "template",
    "--insert-values": "insert_values", "--stop-above": "stop_above", "--stop-coupled-above": "stop_coupled_above",
    "--stop-deleted-above": "stop_deleted_above", "--day-zone": "day_zone",
}  # fmt: skip
"""What mapping set changes: the word, and its name among the options."""

_TOO = {"field": {"--direction", "--conflicts", "--blanks"}, "new": {"--direction"}}
"""What of it others take too."""
_OF_NEW = {"--table": "table", "--integration-table": "integration_table", "--fields": "fields"}
"""What mapping new takes alone."""


class Command(MappingFileCommand):
    """List the mappings, make one, show or change one or its fields, reset them to their default, or delete one."""

    help = "List the mappings, make one, show or change one or its fields, reset them to their default, or delete one."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to change."""
        if options["what"] in WHAT:
            return self.needed_for_file(options["what"])
        if options["what"] in ("list", "show", "options", "drift") and not options["accept"]:
            return Can.OPERATE if options["pair"] else Can.READ
        return Can.MAP

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and for which mapping."""
        parser.add_argument("what", choices=(*_WHAT, *WHAT))
        parser.add_argument("mapping", nargs="?", metavar="MAPPING")
        add_field_arguments(parser)
        self.file_arguments(parser)
        parser.add_argument("--table", metavar="TABLE", help="With new: the table here, such as customer.")
        parser.add_argument("--integration-table", metavar="LOGICALNAME", help="With new: the table in Dataverse.")
        parser.add_argument("--fields", choices=("auto", "none"), help="With new: map the fields that fit, or none.")
        parser.add_argument("--table-filter", metavar="JSON", help="The condition on records here; {} for all.")
        parser.add_argument("--integration-filter", metavar="JSON", help="The condition on Dataverse rows; {} for all.")
        parser.add_argument("--deletion", choices=("ask", "restore", "uncouple"), help="Resolve Deletion Conflicts.")
        parser.add_argument("--every", type=int, metavar="MINUTES", help="How often it is synchronized.")
        parser.add_argument("--only-coupled", choices=("yes", "no"), help="Synch. Only Coupled Records.")
        parser.add_argument("--multi-company", choices=("yes", "no"), help="Multi-Company Synchronization Enabled.")
        parser.add_argument(
            "--day-zone", metavar="ZONE", help='Whose midnights dates are, like Europe/Berlin; "" for the site.'
        )
        parser.add_argument("--template", metavar="CODE", help='The template for new records here; "" for none.')
        parser.add_argument("--insert-values", metavar="JSON", help="What new Dataverse rows get, {column: value}.")
        parser.add_argument(
            "--stop-above", type=limit_on_creating, metavar="N|PERCENT|none", action="append",
            help="Above how many records, or of 100 that take part (10%%), coupling creates none; may be given twice.",
        )  # fmt: skip
        parser.add_argument(
            "--stop-coupled-above", type=limit_on_coupling, metavar="N|none",
            help="Above how many records coupling couples none.",
        )  # fmt: skip
        parser.add_argument(
            "--stop-deleted-above", type=limit_on_creating, metavar="N|PERCENT|none", action="append",
            help="Above how many deleted records, or of 100 pairs, a run does nothing about them; may be given twice.",
        )  # fmt: skip
        parser.add_argument(
            "--pair", action="append", default=[], metavar="CODE=VALUE",
            help="With options: couple a record with a choice, by value or caption; may be given several times.",
        )  # fmt: skip

        parser.add_argument(
            "--accept", action="store_true", help="With drift: take the columns of the mapping as they are now."
        )

    def run(self, options: dict[str, Any]) -> None:
        """List, show, set, reset or delete."""
        name = options["mapping"]
        what = options["what"]
        self._check_words(what, options)
        if what in ("show", "set", "options", "delete"):
            if not name:
                self.usage_error(f"mapping {what} needs the name of a mapping.")
            self._act_on(self.mapping(name), what, options)
        elif what == "new":
            self._new(name, options)
        elif what == "field":
            self._field(name, options)
        elif what == "table":
            self._table(name, options)
        elif what == "reset":
            self.reset(name, check=options["check"])
        elif what == "drift":
            self._drift(name, accepts=options["accept"])
        elif what in WHAT:
            self.run_file(what, [name, *options["words"]] if name else [], options)
        else:
            self._list()

    def _act_on(self, mapping: IntegrationTableMapping, what: str, options: dict[str, Any]) -> None:
        """Set, pair, show or delete one mapping."""
        if what == "delete":
            self._delete(mapping)
        elif what == "set":
            self._set(mapping, options)
        else:
            if what == "options":
                self._pair(mapping, options["pair"])
            self._show(mapping)

    def _list(self) -> None:
        mappings = list(IntegrationTableMapping.objects.filter(company=self.company))
        found = counts.count_records(self.company, mappings)
        described = [
            {
                "name": one.name, "table": one.table, "integration_table": one.integration_table,
                "direction": one.direction, "records": found[one.pk].records, "coupled": found[one.pk].coupled,
                "uncoupled": found[one.pk].uncoupled,
            }
            for one in mappings
        ]  # fmt: skip
        if self.as_json:
            self.print_json({"mappings": described})
            return
        if not described:
            self.print_text("There are no mappings yet. They are made when the connection to Dataverse is enabled.")
        for line in described:
            self.print_text(
                f"{line['name']:<18} {line['table']:<16} {line['integration_table']:<22} {line['direction']:<24} "
                f"{line['coupled']:>9,} coupled {line['uncoupled']:>9,} uncoupled"
            )

    def _check_words(self, what: str, options: dict[str, Any]) -> None:
        """Refuse options that say nothing about what is done."""
        given = [word for word, option in _SETTINGS.items() if options[option] is not None]
        foreign = [word for word in given if what != "set" and word not in _TOO.get(what, ())]
        if foreign:
            self.usage_error(f"{foreign[0]} belongs to mapping set.")
        if what != "new" and (made := [word for word, option in _OF_NEW.items() if options[option] is not None]):
            self.usage_error(f"{made[0]} belongs to mapping new.")
        shared = {"set": _TOO["field"], "new": _TOO["new"]}.get(what, set())
        of_field = {name: value for name, value in options.items() if f"--{name}" not in shared}
        if what != "field" and (word := given_for_field(of_field)):
            self.usage_error(f"{word} belongs to mapping field.")
        if options["accept"] and what != "drift":
            self.usage_error(f"--accept goes with mapping drift, not with mapping {what}.")
        if options["pair"] and what != "options":
            self.usage_error(f"--pair goes with mapping options, not with mapping {what}.")
        if what == "set" and options["blanks"] == "mapping":
            self.usage_error("--blanks of a mapping is send or keep.")
        self.check_file_words(what, options)
        if what not in ("field", "table", *WHAT) and options["words"]:
            self.usage_error(f"mapping {what} takes the name of one mapping: {' '.join(options['words'])} is too much.")

    def _new(self, name: str | None, options: dict[str, Any]) -> None:
        """Make a mapping, with the fields that fit unless none are asked for; tell of the others, and show it."""
        if name is None or options["table"] is None or options["integration_table"] is None:
            self.usage_error(
                "Write: mapping new MAPPING --company NAME --table TABLE --integration-table LOGICALNAME "
                "[--direction D] [--fields auto|none]"
            )
        asked = new_mapping.NewMapping(
            name, options["table"], options["integration_table"],
            direction_of(options["direction"]) or Direction.BIDIRECTIONAL,
        )  # fmt: skip
        proposed = options["fields"] != "none"
        try:
            made = new_mapping.create_mapping(company=self.company, asked=asked, fields_proposed=proposed)
        except DataverseError as error:
            self.refuse_for(error)
        for sentence in made.advice:
            self.print_progress(sentence)
        self._show(made.mapping)

    def _set(self, mapping: IntegrationTableMapping, options: dict[str, Any]) -> None:
        """Change what the options say; tell what that means for couplings, and show the mapping."""
        changes = _changes(mapping, options)
        if changes == edit.Changes():
            self.usage_error(f"mapping set needs something to change, such as {' or '.join(_SETTINGS)}.")
        try:
            asks = changes.integration_filter is not None or changes.insert_values is not None
            columns = edit.live_columns(mapping) if asks else None
            changed = edit.change_mapping(mapping=mapping, changes=changes, columns=columns)
            sentences = [*changed.advice, *outside_counts.sentences(mapping, changed.before)]
        except DataverseError as error:
            self.refuse_for(error)
        for sentence in sentences:
            self.print_progress(sentence)
        self._show(mapping)

    def _show(self, mapping: IntegrationTableMapping) -> None:
        try:
            local_records.get_table(mapping)
        except local_records.Unusable as error:
            self.print_progress(str(error))
        if self.as_json:
            self.print_json(mapping_document(mapping))
            return
        self.print_text(f"{mapping.name}: {services.description(mapping)}, {mapping.get_direction_display()}")
        self.print_text(f"  Table Filter: {table_filter_text(mapping)}")
        self.print_text(f"  Integration Table Filter: {integration_filter_text(mapping)}")
        for caption, said in overlaps.texts(mapping).items():
            self.print_text(f"  {caption}: {' '.join(said)}")
        matched = criteria.readable(mapping, criteria.stored_criteria(mapping))
        self.print_text(f"  Match on: {matched or 'nothing chosen yet'}")
        for line in field_documents(mapping):
            state = "" if line["enabled"] else f"  off: {line['disabled_reason'] or 'switched off'}"
            rules = f"  {', '.join(line['rules'])}" if line["rules"] else ""
            constant = f"= {line['constant']}"
            self.print_text(
                f"  {line['field'] or constant:<22} {line['integration_field'] or constant:<30} "
                f"{line['direction']:<24}{rules}{state}"
            )
        for option in option_documents(mapping):
            self.print_text(f"  {option['code']:<22} = {option['value']} {option['caption']}")

    def _drift(self, name: str | None, *, accepts: bool) -> None:
        """Look at the columns of one mapping, or of all, in Dataverse; tell what changed, or take it as it is."""
        if accepts and name is None:
            self.usage_error("mapping drift --accept needs the name of a mapping.")
        own = IntegrationTableMapping.objects.filter(company=self.company).select_related("company")
        off = defaults.disabled_names(self.company)
        mappings = [self.mapping(name)] if name else [one for one in own if one.name not in off]
        require_enabled(self.company)
        gateway = Gateway(self.company)
        try:
            found = [column_looks.look(one, gateway.table(one).columns) for one in mappings]
            if accepts:
                column_looks.accept(mapping=mappings[0], shown=[change.token for change in found[0].changes])
                found = [column_looks.read(mappings[0])]
        except DataverseError as error:
            self.refuse_for(error)
        if self.as_json:
            self.print_json({"mappings": [drift_document(drift) for drift in found]})
            return
        for drift in found:
            self.print_text(f"{drift.mapping.name}: {drift_headline(drift)}")
            for change in drift.changes:
                self.print_text(f"  {change.kind}: {change.message} {change.fix}")

    def _pair(self, mapping: IntegrationTableMapping, words: Sequence[str]) -> None:
        """Couple the records of CODE=VALUE words with choices."""
        pairs = dict(word.rsplit("=", 1) for word in words if "=" in word.strip("="))
        if len(pairs) < len(words):
            self.usage_error('A pair is CODE=VALUE, each code once: --pair "30 DAYS=1".')
        if pairs or mapping.uid_kind != "option":
            pair_choices(mapping=mapping, pairs=pairs, user=self.acting)

    def _field(self, name: str | None, options: dict[str, Any]) -> None:
        """Add, change or remove a field mapping, then show the mapping."""
        words = options["words"]
        if name is None or len(words) != 2 or words[0] not in ACTIONS:
            self.usage_error("Write: mapping field MAPPING add|set|remove LOCAL=COLUMN --company NAME")
        mapping = self.mapping(name)
        action, (local, column) = words[0], field_edit.parse_pair(words[1])
        try:
            if action == "remove":
                field_edit.remove_field(field=field_edit.get_field_mapping(mapping, local, column))
            else:
                changed = self._changed_field(mapping, local, column, field_changes(options), adds=action == "add")
                if note := field_edit.note(changed):
                    self.print_progress(note)
        except DataverseError as error:
            self.refuse_for(error)
        self._show(mapping)

    def _changed_field(
        self, mapping: IntegrationTableMapping, local: str, column: str, changes: field_edit.FieldChanges, *, adds: bool
    ) -> IntegrationFieldMapping:
        """Add a field mapping, or change the one that is there. Raises Refusal, DataverseError."""
        known = field_edit.find(mapping, local, column)
        if adds and known is None:
            return field_edit.add_field(mapping=mapping, local=local, column=column, changes=changes)
        known = field_edit.get_field_mapping(mapping, local, column)
        if adds and changes.enabled is None and not known.disabled_reason:
            changes = replace(changes, enabled=True)  # who adds it wants it synchronized
        for sentence in field_edit.set_field(field=known, changes=changes):
            self.print_progress(sentence)
        return known

    def _table(self, name: str | None, options: dict[str, Any]) -> None:
        """Show a look-up table, or store it with the rows that are given."""
        if name is None or options["words"]:
            self.usage_error("Write: mapping table NAME --company NAME [--row FROM=TO ...]")
        rows = table_rows(options["rows"])
        if rows is not None:
            field_edit.save_table(company=self.company, name=name, rows=rows)
        tables = look_up_tables(self.company)
        if name not in tables:
            self.refuse(
                "configuration", f"{self.company} has no look-up table {name!r}.",
                f"It has {', '.join(tables) or 'none'}. Make one with: manage.py mapping table NAME --row FROM=TO",
            )  # fmt: skip
        if self.as_json:
            self.print_json({"table": name, "rows": tables[name]})
        for value, becomes in sorted(tables[name].items(), key=lambda row: (row[0] == "*", row)):
            self.print_text(f"  {value} becomes {becomes}")

    def _delete(self, mapping: IntegrationTableMapping) -> None:
        """Delete a mapping; wait for the job that releases its rows. Exits with 1 where the mapping was kept."""
        couplings = count_couplings(mapping)
        if couplings:
            self.authorize(Can.OPERATE, self.company)
        job = delete_mapping(mapping=mapping, user=self.acting)
        if job is not None:
            job = waiting.run_to_end(job)
        kept = job is not None and IntegrationTableMapping.objects.filter(pk=mapping.pk).exists()
        if self.as_json:
            summary = jobs.summary(job) if job is not None else None
            self.print_json({"deleted": "" if kept else mapping.name, "couplings": couplings, "job": summary})
        if job is not None and job.message:
            self.print_text(job.message)
        elif not kept:
            self.print_text(f"{mapping.name} is deleted.")
        if kept:
            raise SystemExit(1)


def _changes(mapping: IntegrationTableMapping, options: dict[str, Any]) -> edit.Changes:
    """Return what the options ask to change. Raises BadFilter for a filter that is no JSON."""
    only_coupled, multi_company = options["only_coupled"], options["multi_company"]
    if options["conflicts"] == "mapping":
        raise NotUsable("--conflicts mapping is for a field.", "For a mapping it is ask, send, get or newest.")
    asks = {"ask": ""}
    limits = tuple(options[name] for name in ("stop_above", "stop_coupled_above", "stop_deleted_above"))
    brakes = Brakes.stored(mapping.brakes).asked_instead(*limits).dump()
    return edit.Changes(
        direction=direction_of(options["direction"]),
        table_filter=_filter(options["table_filter"]),
        integration_filter=_filter(options["integration_filter"]),
        synch_only_coupled=None if only_coupled is None else only_coupled == "yes",
        multi_company=None if multi_company is None else multi_company == "yes",
        update_conflict=asks.get(options["conflicts"], options["conflicts"]),
        deletion_conflict=asks.get(options["deletion"], options["deletion"]),
        blanks=options["blanks"],
        every_minutes=options["every"],
        template=options["template"],
        day_zone=options["day_zone"],
        brakes=None if limits == (None, None, None) else brakes,
        insert_values=None if options["insert_values"] is None else read_json(options["insert_values"]) or {},
    )


def _filter(text: str | None) -> Any:
    if text is None:
        return None
    found = read_json(text)
    if found is None:
        raise BadFilter("The filter is null. The filter of every record is {}.")
    return found
