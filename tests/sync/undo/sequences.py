"""Random lives of coupled pairs: people edit both sides, runs synchronize, some are lost, and then the job is undone.

What both sides must hold then is what people last entered there, as if nothing had ever been synchronized. People never
enter what the field of the other side holds, nor what was there before where no run has seen what they entered in
between: of that no history can tell.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from core.vocabulary import ConflictOption
from coupling.couplings.services import start_coupling
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.engine.ledger import Ledger
from sync.models import SynchronizedValue, UndoPreview
from sync.start.services import start_synchronization
from sync.undo.services import start_preview, start_undo, undo_as_previewed
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, connect, customer, update_mapping
from tests.sync.engine.test_kills import Killed, kill_once

COLUMNS = {"city": "address1_city", "phone_no": "telephone1", "address": "address1_line1"}
"""Local fields, and the columns that they are synchronized with both ways."""
NAMES = ("Adatum", "Fabrikam", "Contoso")
Held = dict[tuple[str, str], str]
"""What one side holds, by record and local field."""


def connect_with_pairs(owner: Company, remote: Sandbox) -> None:
    """Three records and three rows that match by name; their values differ, some are blank."""
    connect(owner, remote)
    for number, name in enumerate(NAMES, 1):
        customer(owner, f"{number}0000", name, city=f"Here {number}", phone_no=f"555-{number}" if number > 1 else "")
    remote.load(
        {
            "accounts": [
                {**ACTIVE_CUSTOMER, "name": name, "address1_city": f"There {number}", "address1_line1": f"Way {number}"}
                for number, name in enumerate(NAMES, 1)
            ]
        }
    )


def held_here(owner: Company) -> Held:
    records = Customer.objects.filter(company=owner, name__in=NAMES)
    return {(one.name, name): getattr(one, name) or "" for one in records for name in COLUMNS}


def held_there(remote: Sandbox) -> Held:
    rows: Mapping[str, Any] = accounts(remote)
    return {(name, local): rows[name].get(column) or "" for name in NAMES for local, column in COLUMNS.items()}


@dataclass
class Life:
    """One sequence. told: what happened, for a failure to be understood."""

    owner: Company = field(repr=False)
    remote: Sandbox = field(repr=False)
    seed: int
    told: list[str] = field(default_factory=list)

    edited: set[tuple[str, str, str]] = field(default_factory=set)
    """What was entered that no run has seen yet."""
    lost: bool = False
    """Whether the worker of the last run was lost."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.own = {"here": held_here(self.owner), "there": held_there(self.remote)}
        self.fresh = 0

    @property
    def mapping(self) -> IntegrationTableMapping:
        return update_mapping(self.owner)

    def run(self) -> None:
        """Couple, live on, undo, and compare."""
        option = self.random.choice([ConflictOption.SEND, ConflictOption.GET])
        follows: dict[str, Any] = {"synchronize": True, "conflicts": option} if self.random.random() < 0.5 else {}
        coupling = run_to_end(start_coupling(mapping=self.mapping, criteria=[Criterion("name", "name")], **follows))
        self.told.append(f"coupled, {follows}")
        assert coupling.counters["coupled"] == len(NAMES)
        for _ in range(self.random.randint(0, 4)):
            self.edit()
            self.synchronize()
        self.edit()
        done = self.undo(coupling)
        assert done.counters == {**done.counters, "uncoupled": len(NAMES)}, (self, done.reasons)
        assert not Coupling.objects.filter(mapping=self.mapping).exists()
        for side, found in (("here", held_here(self.owner)), ("there", held_there(self.remote))):
            own = self.own[side]
            wrong = {key: (value, own[key]) for key, value in found.items() if value != own[key]}
            assert not wrong, (side, wrong, [self.lines_of(*key) for key in wrong], self)

    def lines_of(self, name: str, local: str) -> list[tuple[Any, ...]]:
        """Return what the history tells of a field, for a failure to be understood."""
        record = Customer.objects.get(company=self.owner, name=name)
        lines = SynchronizedValue.objects.filter(local_id=record.system_id, field__local=local).order_by("pk")
        return list(lines.values_list("job__type", "side", "won", "before", "after"))

    def edit(self) -> None:
        """People enter values, new ones, blanks and such as were there before, on either side."""
        now = {"here": held_here(self.owner), "there": held_there(self.remote)}
        for side, other in (("here", "there"), ("there", "here")):
            changes: dict[str, dict[str, str]] = {}
            for (name, local), value in now[side].items():
                if self.random.random() > 0.3:
                    continue
                self.fresh += 1
                seen = not self.lost and (side, name, local) not in self.edited
                known = ["", self.own[side][name, local]] if seen else []
                new = self.random.choice([f"V{self.fresh}", f"V{self.fresh}", *known])
                if new in (value, now[other][name, local]):
                    continue
                self.edited.add((side, name, local))
                changes.setdefault(name, {})[local] = self.own[side][name, local] = now[side][name, local] = new
            for name, values in changes.items():
                self.told.append(f"{name} {side}: {values}")
                self._enter(side, name, values)

    def _enter(self, side: str, name: str, values: Mapping[str, str]) -> None:
        if side == "here":
            record = Customer.objects.get(company=self.owner, name=name)
            for local, value in values.items():
                setattr(record, local, value)
            record.save()
            return
        row = accounts(self.remote)[name]
        known = {key: value for key, value in row.items() if not key.startswith("@") and value is not None}
        known = {key: value for key, value in known.items() if key not in ("versionnumber", "modifiedon")}
        columns = {COLUMNS[local]: value or None for local, value in values.items()}
        self.remote.load({"accounts": [{**known, **columns}]})

    def synchronize(self) -> None:
        """Synchronize with one conflict option of the mapping; now and then the worker is lost, and nobody goes on."""
        option = self.random.choice([ConflictOption.SEND, ConflictOption.GET, ConflictOption.ASK])
        mapping = update_mapping(self.owner, update_conflict=option)
        point = self.random.choice([None, None, (Gateway, "update", True), (Ledger, "save", False)])
        self.told.append(f"synchronized, {option}, lost at {point and point[1]}")
        job = start_synchronization(mapping=mapping, full=self.random.random() < 0.2)
        with pytest.MonkeyPatch.context() as patched:
            if point is not None:
                kill_once(patched, point[0], point[1], after=point[2])
            try:
                assert run_to_end(job).state == "finished", self
                if option != ConflictOption.ASK:
                    self.edited.clear()
                    self.lost = False
            except Killed:
                self.lost = True
                Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
                cancel(job=job)

    def undo(self, coupling: Job) -> Job:
        """Undo as previewed, or at once."""
        coupling.refresh_from_db()
        if self.random.random() < 0.3:
            self.told.append("undone at once")
            return run_to_end(start_undo(job=coupling))
        made = run_to_end(start_preview(job=coupling))
        self.told.append("undone as previewed")
        return run_to_end(undo_as_previewed(preview=UndoPreview.objects.get(job=made)))


def live(connected: Callable[..., Company], remote: Sandbox, seed: int) -> None:
    """Go through one random life in a company of its own."""
    Life(connected("Undone Ltd", connect_with_pairs), remote, seed).run()
