"""Companies of contacts that come from Dataverse: contacts for those without one, and persons that had no company."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils import timezone

from core import bulk
from core.ids import new_id
from core.vocabulary import Direction
from coupling.contact_accounts import CONTACT, PARENT, PARTNERS, companies_of_accounts, partners_of
from coupling.models import IntegrationTableMapping, UndoneRecord
from coupling.rows import RemoteRow
from jobs.errors import SliceEnded, Yielded
from jobs.models import Reason
from jobs.running.context import JobContext
from masterdata import catalog
from masterdata.models import ChangedBy, Contact
from masterdata.models.parties import ContactType
from sync.engine.contact_links import COMPANY_NO, CompanyLinks
from sync.engine.pairs import Pair, PairReader
from sync.models import DuePair, Waits
from sync.number_series import next_free_keys, room_for

_SHARED = (
    "name", "address", "address_2", "post_code", "city", "county", "country_region_code", "phone_no", "fax_no",
    "e_mail", "home_page", "currency_code",
)  # fmt: skip
"""What a company's contact takes over from its customer or vendor."""


@dataclass(frozen=True, slots=True)
class NewCompany:
    """The contact that a customer or vendor lacks: the field with its number, and what it takes over."""

    account: str
    number_field: str
    values: dict[str, Any]


def companies_to_add(company: Any, row_ids: Sequence[str]) -> list[NewCompany]:
    """Return the contacts that are missing of customers and vendors which these accounts are coupled to."""
    known = companies_of_accounts(company, row_ids)
    missing: list[NewCompany] = []
    for account, table, local_id in partners_of(company, set(row_ids) - set(known)):
        record = catalog.table(table).records(company).filter(system_id=local_id).values("no", *_SHARED).first()
        if record is not None:
            missing.append(NewCompany(account, PARTNERS[table], record))
    return missing


def add_companies(company: Any, missing: Sequence[NewCompany]) -> None:
    """Add these contacts, as far as there are numbers for them. Call it in a checkpoint."""
    now, table = timezone.now(), catalog.table(CONTACT)
    keys = next_free_keys(company, table, len(missing))
    numbers = list(PARTNERS.values())
    bulk.insert(
        Contact,
        ("company_id", "system_id", "no", "type", "company_no", "company_name", *numbers, *_SHARED, "created_at",
         "modified_at", "changed_by"),
        [
            (
                company.pk, new_id(), key, ContactType.COMPANY.value, key, one.values["name"],
                *(one.values["no"] if field == one.number_field else "" for field in numbers),
                *(one.values[name] for name in _SHARED), now, now, ChangedBy.SYNCHRONIZATION.value,
            )
            for key, one in zip(keys, missing, strict=True)
            if room_for(table, key) is None
        ],
    )  # fmt: skip


def pass_on_to_companies(mapping: IntegrationTableMapping, ids: Sequence[UUID], now: datetime) -> None:
    """Have the companies' contacts of changed customers or vendors hold what these hold. Call it in a checkpoint."""
    number = PARTNERS[mapping.table]
    partners = catalog.table(mapping.table).records(mapping.company).order_by().filter(system_id__in=list(ids))
    values = {row[0]: row[1:] for row in partners.values_list("no", *_SHARED)}
    contacts = Contact.objects.filter(
        company=mapping.company, type=ContactType.COMPANY, **{f"{number}__in": list(values)}
    ).order_by()
    changed = [
        (system_id, values[partner], values[partner][0])
        for system_id, partner, *known in contacts.values_list("system_id", number, *_SHARED)
        if tuple(known) != values[partner]
    ]
    if changed:
        bulk.update(
            Contact, "system_id", (*_SHARED, "company_name", "modified_at", "changed_by"),
            [(system_id, *own, name, now, ChangedBy.SYNCHRONIZATION.value) for system_id, own, name in changed],
        )  # fmt: skip


def wake_persons(company_id: int) -> None:
    """Have the next run take up pairs of persons without a company: an account may be a customer or vendor by now."""
    mappings = IntegrationTableMapping.objects.filter(company_id=company_id, table=CONTACT).values_list("pk", flat=True)
    waiting = UndoneRecord.objects.filter(
        mapping_id__in=list(mappings), reason=Reason.OUTSIDE_FILTER, coupling_id__isnull=False
    )
    alone = Contact.objects.filter(system_id=OuterRef("local_id"), company_no="")
    ids = list(waiting.filter(Exists(alone)).values_list("coupling_id", flat=True)[: bulk.MAX_ROWS])
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        UndoneRecord.objects.filter(coupling_id__in=part).update(look_at=timezone.now())
        DuePair.objects.filter(pk__in=part, waits=Waits.RECORD).update(waits=Waits.NOTHING)


def settle_companies(
    context: JobContext,
    reader: PairReader,
    links: CompanyLinks,
    allowed: Direction,
    pairs: Sequence[Pair],
    rows: Sequence[RemoteRow],
) -> None:
    """Add the companies that contacts from Dataverse belong to, and give persons without a company theirs.

    A slice does not end here; it does at the chunk's own checkpoint.
    """
    remote = [*rows, *(pair.remote for pair in pairs if pair.remote is not None)]
    accounts = sorted({str(row.values[PARENT]).lower() for row in remote if row.values.get(PARENT)})
    if not accounts or allowed == Direction.TO:
        return
    if missing := companies_to_add(context.company, accounts):
        with suppress(SliceEnded, Yielded), context.checkpoint():
            add_companies(context.company, missing)
        links.forget(accounts)
    links.load(set(), set(accounts))
    alone = [
        (pair, links.codes[str(pair.remote.values[PARENT]).lower()])
        for pair in pairs
        if pair.local is not None and not pair.local.values.get(COMPANY_NO) and pair.remote is not None
        and str(pair.remote.values.get(PARENT) or "").lower() in links.codes
    ]  # fmt: skip
    if not alone:
        return
    now = timezone.now()
    with suppress(SliceEnded, Yielded), context.checkpoint():
        bulk.update(
            Contact, "system_id", (COMPANY_NO, "modified_at", "changed_by"),
            [(pair.coupling.local_id, code, now, ChangedBy.SYNCHRONIZATION.value) for pair, code in alone],
        )  # fmt: skip
    found = reader.read_records_by_id(pair.coupling.local_id for pair, _ in alone)
    for pair, _ in alone:
        pair.local = found.get(pair.coupling.local_id)
