"""Whether a file of mappings fits: the tables and fields here, the columns in Dataverse as they are now, and itself.

What is stored already, and what is as a default mapping has it, is not checked again: a file that was exported can be
imported as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from connection_setup.connection.state import unavailable_reason
from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling import local_records
from coupling.gateway import Gateway
from coupling.mapping_files.difference import changed_settings
from coupling.mapping_files.types import IDENTITY, BadFile, FieldEntry, MappingEntry, MappingFile, OptionEntry, numbered
from coupling.mappings import edit, questions
from coupling.mappings.defaults import default_entries, default_file
from coupling.mappings.field_checks import Pair, check_pair, find_column, find_field, second_sources
from coupling.mappings.field_edit import check_choices
from coupling.mappings.insert_values import check_values
from coupling.mappings.option_entries import usable_options
from coupling.mappings.questions import Wanted
from coupling.mappings.stored_file import changed_identity, field_values, require_unused, tables_of
from coupling.mappings.table_kinds import problem_of
from coupling.mappings.transformations import rules
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from dataverse.errors import Invalid
from dataverse.types import TableInfo

Infos = Mapping[str, TableInfo]
"""The Dataverse tables that a file names, by their logical names."""
NOT_ASKED = (
    "{company} is not connected to Dataverse now, so of what the file says of Dataverse only the form of the names was "
    "checked."
)


def read_infos(company: Any, file: MappingFile) -> Infos | None:
    """Return the tables that a file names; None where Dataverse cannot be asked. Raises BadFile, DataverseError.

    Asks Dataverse, so not inside a transaction.
    """
    if unavailable_reason(company):
        return None
    gateway = Gateway(company)
    infos: dict[str, TableInfo] = {}
    for entry in file.mappings:
        if entry.integration_table not in infos:
            try:
                infos[entry.integration_table] = gateway.table(_bare(company, entry))
            except Invalid as error:
                raise _at(entry, "integration_table", error.message, error.fix) from None
    return infos


def check_file(
    company: Any, file: MappingFile, stored: MappingFile, infos: Infos | None
) -> tuple[MappingFile, list[str]]:
    """Return the file as it is stored, and what a person should know. Raises BadFile.

    Values of new rows become what is sent, templates get their code, and pairs of choices that cannot be are left out.
    """
    told = [] if infos is not None else [NOT_ASKED.format(company=company)]
    default = default_file(company, [entry.name for entry in file.mappings])
    checks = _Checks(company, file, stored, default)
    entries, without_pairs = [], list[str]()
    for given in file.mappings:
        info = infos[given.integration_table] if infos is not None else None
        entry = checks.checked(given, info)
        choices = _choices(entry, info) if info is not None and entry.uid_kind == "option" else None
        if entry.options is not None:
            before = stored.mapping(entry.name)
            options, left_out = usable_options(_bare(company, entry), entry.options, choices)
            without_pairs += left_out
            entry = replace(entry, options=_with_stored(options, entry.options, before))
        entries.append(entry)
    told += _asked_elsewhere(file, stored)
    told += _dependencies(company, file, stored)
    told += _others_with_tables(company, file, stored)
    return replace(file, mappings=tuple(entries)), told + without_pairs  # of which there may be many


def _with_stored(
    usable: tuple[OptionEntry, ...], given: tuple[OptionEntry, ...], before: MappingEntry | None
) -> tuple[OptionEntry, ...]:
    """Return the usable pairs, and as it is stored the pair of each record whose pair in the file is not."""
    left_out = {one.code for one in given} - {one.code for one in usable}
    taken = {one.value for one in usable}
    known = (before.options if before is not None else None) or ()
    return (*usable, *(one for one in known if one.code in left_out and one.value not in taken))


def _bare(company: Any, entry: MappingEntry) -> IntegrationTableMapping:
    """Return the mapping of an entry as far as checks look at it, not stored."""
    names = (*IDENTITY, "name", "direction", "company_column", "multi_company")
    return IntegrationTableMapping(company=company, **{name: getattr(entry, name) for name in names})


def _at(entry: MappingEntry, key: str, message: str, fix: str = "") -> BadFile:
    """Return the refusal of a setting of a mapping."""
    return BadFile(f"{entry.name}, {key}: {message}", fix, line=entry.lines.get(key) or entry.lines.get(""))


@contextmanager
def _setting(entry: MappingEntry, key: str) -> Iterator[None]:
    """Refuse with the line of the setting what a check refuses inside."""
    try:
        yield
    except BadFile:
        raise
    except Refusal as error:
        raise _at(entry, key, error.message, _plain(error.fix)) from None


def _plain(fix: str) -> str:
    """Return what to do next without the sentence that a refused file ends with anyway."""
    return fix.replace("Nothing was changed.", "").strip()


@dataclass(frozen=True, slots=True)
class _Checks:
    company: Any
    file: MappingFile
    stored: MappingFile
    default: MappingFile

    def checked(self, entry: MappingEntry, info: TableInfo | None) -> MappingEntry:
        """Return a mapping of the file as it is stored. Raises BadFile where it cannot be.

        Where it is to couple other tables than now, or than by default, nothing of those has been checked for them.
        """
        before, default = self.stored.mapping(entry.name), self.default.mapping(entry.name)
        self._check_name(entry)
        if before is not None and (moved := changed_identity(before, entry)):
            with _setting(entry, moved[0]):
                require_unused(IntegrationTableMapping.objects.get(company=self.company, name=entry.name))
            before = None
        if default is not None and changed_identity(default, entry):
            default = None
        changed = set(changed_settings(before, entry)) if before else {*IDENTITY, *_COLUMNS, *_FILTERS, "direction"}
        if changed and (default is None or set(changed_settings(default, entry)) & {*_COLUMNS}):
            _check_tables(self.company, entry, info, changed)
        self._check_filters(entry, info, changed)
        _check_direction(entry)
        self._check_fields(entry, info, before, default)
        return self._with_new_records(entry, info, before, default)

    def _check_name(self, entry: MappingEntry) -> None:
        """Raise BadFile for a name that another mapping has but for capitals: people could not tell them apart."""
        names = {one.name for one in (*self.stored.mappings, *self.file.mappings)} - {entry.name}
        alike = next((name for name in names if name.casefold() == entry.name.casefold()), None)
        if alike is not None:
            raise _at(entry, "", f"There is a mapping {alike} too, which differs in capitals alone.")

    def _check_filters(self, entry: MappingEntry, info: TableInfo | None, changed: set[str]) -> None:
        bare = _bare(self.company, entry)
        if "table_filter" in changed:
            with _setting(entry, "table_filter"):
                edit.check_table_filter(bare, entry.table_filter)
        if "integration_filter" in changed:
            with _setting(entry, "integration_filter"):
                columns = info.columns if info is not None else None
                edit.check_integration_filter(bare, entry.integration_filter, columns)

    def _with_new_records(
        self, entry: MappingEntry, info: TableInfo | None, before: MappingEntry | None, default: MappingEntry | None
    ) -> MappingEntry:
        """Return a mapping with what new records and rows get as it is stored.

        Raises BadFile for a template that the company does not have, and for values that new rows cannot get.
        """
        known = [one for one in (before, default) if one is not None]
        template, values = entry.template, entry.insert_values
        if template and template not in [one.template for one in known]:
            with _setting(entry, "template"):
                template = edit.check_template(_bare(self.company, entry), template)
        if values and values not in [one.insert_values for one in known]:
            with _setting(entry, "insert_values"):
                columns = info.columns if info is not None else None
                values = check_values(values, self._known_values(entry), entry.integration_table, columns)
        return replace(entry, template=template, insert_values=values)

    def _known_values(self, entry: MappingEntry) -> dict[str, Any]:
        """Return which of the values of new rows a mapping with the same table has already, stored or by default."""
        others = [one for one in (*default_entries(), *self.stored.mappings) if _same_table(one, entry)]
        known = [(name, type(value), value) for one in others for name, value in one.insert_values.items()]
        values = entry.insert_values
        return {name: value for name, value in values.items() if (name, type(value), value) in known}

    def _check_fields(
        self, entry: MappingEntry, info: TableInfo | None, before: MappingEntry | None, default: MappingEntry | None
    ) -> None:
        known = [*numbered(before.fields).items()] if before else []
        given = set(default.fields) if default is not None else set()
        for key, one in numbered(entry.fields).items():
            with _field(entry, one):
                if one not in given and (key, one) not in known:
                    self._check_field(entry, one, info)
        if before is None or before.fields != entry.fields:
            _check_sources(entry)

    def _check_field(self, entry: MappingEntry, one: FieldEntry, info: TableInfo | None) -> None:
        bare = _bare(self.company, entry)
        local = find_field(local_records.get_table(bare), one.field) if one.field else None
        rules().check(one.rules, self._tables())
        if not one.enabled:
            return
        if one.disabled_reason:
            raise NotUsable(f"It cannot be enabled: {one.disabled_reason}", "Write enabled: false.")
        if entry.uid_kind == "option":
            check_choices(IntegrationFieldMapping(mapping=bare, **field_values(one)))
        if info is None and one.integration_field:
            return  # whether the column takes it is asked when it is enabled, or before a run
        column = find_column(info, one.integration_field) if info is not None and one.integration_field else None
        ready = True
        if column is not None and column.binds and local is not None and local.references:
            ready = self._couples(local.references, column.binds)
        check_pair(
            Pair(
                local, column, Direction(one.direction), one.constant, one.rules,
                Direction(one.transformation_direction), one.clear_on_failed, one.not_null, ready,
            ),
            Direction(entry.direction),
        )  # fmt: skip

    def _couples(self, table: str, targets: Any) -> bool:
        """Return whether a mapping of the company or of the file couples a table with one of these."""
        mappings = (*self.stored.mappings, *self.file.mappings)
        return any(
            one.table == table and one.uid_kind == "guid" and one.integration_table in targets for one in mappings
        )

    def _tables(self) -> dict[str, Mapping[str, str]]:
        return {**self.stored.look_up_tables, **self.file.look_up_tables}


def _same_table(one: MappingEntry, other: MappingEntry) -> bool:
    return one.integration_table == other.integration_table


_COLUMNS = ("name_column", "company_column", "insert_values")
_FILTERS = ("table_filter", "integration_filter")


@contextmanager
def _field(entry: MappingEntry, one: FieldEntry) -> Iterator[None]:
    try:
        yield
    except Refusal as error:
        raise BadFile(
            f"{entry.name}, the field {one.pair}: {error.message}", _plain(error.fix), line=one.line
        ) from None


def _check_tables(company: Any, entry: MappingEntry, info: TableInfo | None, changed: set[str]) -> None:
    """Raise BadFile where the local table is not there, or Dataverse's has no such columns."""
    with _setting(entry, "table"):
        local_records.get_table(_bare(company, entry))
    if info is None:
        return
    why, fix = problem_of(info)
    if why:
        raise _at(entry, "integration_table", why, fix)
    if entry.entity_set != info.entity_set:
        raise _at(entry, "entity_set", f"Dataverse calls that of {info.name} {info.entity_set!r}.")
    if entry.uid_kind == "guid" and entry.uid_column != info.primary_id:
        raise _at(entry, "uid_column", f"A row of {info.name} goes by {info.primary_id!r}, not {entry.uid_column!r}.")
    columns = ("uid_column", "modified_on_column", "name_column", "company_column")
    named = {key: (getattr(entry, key),) for key in columns}
    for key, names in {**named, "insert_values": tuple(entry.insert_values)}.items():
        for name in filter(None, names):
            if name not in info.columns and key in changed:
                raise _at(entry, key, f"The table {info.name} has no column {name!r} in Dataverse.")
    if entry.uid_kind == "option" and not _choices(entry, info):
        raise _at(entry, "uid_column", f"{entry.uid_column} is no column of choices.")


def _choices(entry: MappingEntry, info: TableInfo) -> Mapping[int, str]:
    """Return the choices that a mapping couples records with. Raises BadFile where Dataverse has no such column."""
    column = info.columns.get(entry.uid_column)
    if column is None:
        raise _at(
            entry, "uid_column", f"The table {info.name} has no column {entry.uid_column!r} in Dataverse.",
            "Add the column there again, or leave the mapping out of the file.",
        )  # fmt: skip
    return column.choices


def _check_direction(entry: MappingEntry) -> None:
    if entry.uid_kind == "option":
        if entry.direction == Direction.BIDIRECTIONAL:
            raise _at(
                entry, "direction", "A mapping of choices cannot be bidirectional.", "Write one of both directions."
            )
        return
    enabled = [one for one in entry.fields if one.enabled]
    if enabled and all(one.direction != entry.direction for one in enabled):
        way = Direction(entry.direction).label.lower()
        raise _at(entry, "direction", f"No enabled field goes {way}, so nothing would be synchronized.")


def _check_sources(entry: MappingEntry) -> None:
    """Raise BadFile where two enabled fields write to the same column, or to the same local field."""
    enabled = [one for one in entry.fields if one.enabled]
    for found in second_sources((one.field, one.integration_field, one.direction) for one in enabled):
        one, other = enabled[found.at], enabled[found.before]
        raise BadFile(
            f"{entry.name}, the field {one.pair}: the {found.side} {found.name} gets its value by {other.pair} "
            "already.",
            "Disable one of them, or choose a direction in which only one of them writes.", line=one.line,
        )  # fmt: skip


def _asked_elsewhere(file: MappingFile, stored: MappingFile) -> list[str]:
    """Return what the card would ask about before it stores the same."""
    told = []
    for entry in file.mappings:
        before = stored.mapping(entry.name) or Wanted(entry.direction, True, False, "")
        asked = questions.question(before, entry)
        told += [f"{entry.name}: {sentence}" for sentence in (asked.sentences if asked is not None else ())]
    return told


def _dependencies(company: Any, file: MappingFile, stored: MappingFile) -> list[str]:
    """Return which mappings are named that are not there. Raises BadFile where some wait for each other."""
    all_of = {one.name: one.dependencies for one in (*stored.mappings, *file.mappings)}
    told = []
    for entry in file.mappings:
        before = stored.mapping(entry.name)
        if before is not None and before.dependencies == entry.dependencies:
            continue
        if circle := _circle(entry.name, all_of):
            raise _at(entry, "dependencies", f"{' waits for '.join(circle)}: none of them could be first.")
        missing = [name for name in entry.dependencies if name not in all_of]
        if missing:
            told.append(f"{entry.name} depends on {', '.join(missing)}, which {company} does not have.")
    return told


def _others_with_tables(company: Any, file: MappingFile, stored: MappingFile) -> list[str]:
    """Return which mappings that the file does not name get other values by its look-up tables."""
    told = []
    for name, rows in file.look_up_tables.items():
        before = stored.look_up_tables.get(name)
        if before is None or dict(before) == dict(rows):
            continue
        others = [one.name for one in stored.mappings if file.mapping(one.name) is None and name in tables_of(one)]
        if others:
            told.append(
                f"The look-up table {name} of {company} changes for {', '.join(others)} too: a rule there names it."
            )
    return told


def _circle(name: str, all_of: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the way from a mapping over what it depends on back to itself; empty where there is none."""
    ways: list[list[str]] = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for other in all_of.get(way[-1], ()):
            if other == name and len(way) > 1:
                return [*way, name]
            if other not in seen and other != name:
                seen.add(other)
                ways.append([*way, other])
    return []
