"""The fact boxes of a record's card, and its state in the head: its coupling, and who wrote it last."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from coupling.dead_partners import RELEASE, dead_couplings, rows_in_the_way
from coupling.models import Coupling, UndoneRecord
from coupling.records.partners import Partner
from coupling.undone import left_undone, read_condition
from jobs.mentions import PersonReading, Reader
from jobs.models import Job
from masterdata.catalog import LocalTable
from masterdata.models import ChangedBy, Company
from ui.cells import time_ago
from ui.kit import Action, Cell, FactBox, Link, Status
from ui.links import optional_url

TITLE = "Coupling"


def coupling_box(
    request: HttpRequest, owner: Company, table: LocalTable, record: Any, partner: Partner, off: str
) -> tuple[FactBox, Status | None]:
    """Return the fact box about the record's coupling, and the state in the page's head. off: why nothing can be
    coupled now, "" where it can.
    """
    reader = PersonReading(request.user)
    if partner.option is not None:
        option = partner.option
        facts: list[tuple[str, Cell]] = [
            ("Mapping", option.mapping.name),
            ("Option", option.caption),
            ("Value", option.value),
        ]
        return FactBox(TITLE, facts), Status("Coupled to Dataverse", "ok")
    if partner.pair is None:
        return _uncoupled(owner, table, record, reader, off)
    pair = partner.pair
    # Where the bar opens the row, the box need not.
    row: list[tuple[str, Cell]] = []
    if off or not partner.url:
        row = [("Row", Link("Open in Dataverse", partner.url) if partner.url else str(pair.integration_id))]
    facts = [
        ("Mapping", pair.mapping.name),
        *row,
        ("Coupled", f"{pair.get_method_display()}{_when_coupled(pair)}"),
        ("Last synchronization", time_ago(pair.synchronized_at) or "Not yet"),
    ]
    undone = left_undone(owner).filter(coupling=pair).first()
    state = _state(pair, undone)
    if undone is not None:
        return _undone_box(owner, undone, reader, facts), state
    return FactBox(TITLE, facts, text=f"Last error: {pair.last_error}" if pair.last_error else ""), state


def history_box(table: LocalTable, record: Any) -> FactBox:
    """Return the fact box about who wrote the record, and when."""
    facts: list[tuple[str, Cell]] = [
        ("Last modified", time_ago(record.modified_at)),
        ("By", ChangedBy(record.changed_by).label),
    ]
    if table.columns is None:
        facts.append(("Created", time_ago(record.created_at)))
    return FactBox("History", facts)


def _uncoupled(owner: Company, table: LocalTable, record: Any, reader: Reader, off: str) -> tuple[FactBox, Status]:
    undone = left_undone(owner).filter(coupling=None, local_id=record.system_id, mapping__table=table.name).first()
    if undone is not None:
        return _undone_box(owner, undone, reader), Status("Not created in Dataverse", "bad")
    text = f"Not coupled. {off or 'Choose Match-Based Coupling to find its row, or Set Up Coupling to choose it.'}"
    if dead_couplings(owner, rows_in_the_way(owner, [record.system_id])):
        text = (
            "Not coupled. The row that matches it is coupled with a record that was deleted here. Choose Related, "
            f"Dataverse, Coupling, {RELEASE}, then couple it again."
        )
    return FactBox(TITLE, text=text), Status("Not coupled to Dataverse")


def _state(pair: Coupling, undone: UndoneRecord | None) -> Status:
    if pair.last_error:
        return Status("Skipped after errors" if pair.skipped else "Last synchronization failed", "bad")
    if undone is not None:
        return Status("Left out of synchronization", "warn")
    if pair.conflict:
        return Status("Changed on both sides", "warn")
    if pair.pending:
        return Status("Being created in Dataverse", "run")
    return Status("Coupled to Dataverse", "ok")


def _when_coupled(pair: Coupling) -> str:
    """Return when a pair was coupled, behind a comma; where a job made it that is gone, nobody knows."""
    made_at = pair.created_at
    if made_at is None and pair.job_id is not None:
        made_at = Job.objects.filter(pk=pair.job_id).values_list("started_at", flat=True).first()
    return f", {time_ago(made_at)}" if made_at else ""


def _undone_box(
    owner: Company, undone: UndoneRecord, reader: Reader, facts: Sequence[tuple[str, Cell]] = ()
) -> FactBox:
    """Return the fact box of a record that synchronization left undone, with what holds it back."""
    url = optional_url("sync:skipped", owner, query={"q": undone.local_key})
    listed = Action("Coupled Data Synchronization Errors", url, icon="warning") if url else None
    since: tuple[str, Cell] = ("Left undone since", time_ago(undone.since))
    return FactBox(TITLE, [*facts, since], text=read_condition(undone, reader), action=listed)
