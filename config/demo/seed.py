"""Put the demo's companies into the database, unless they are there."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from config.demo.data import DemoCompany
from core import bulk
from masterdata import catalog
from masterdata.models import ChangedBy, Company


def seed(companies: tuple[DemoCompany, ...]) -> list[Company]:
    """Return the companies, made with their records where they were missing; those that are there stay as they are."""
    return [_made(company) for company in companies]


@transaction.atomic
def reset_company(company: DemoCompany) -> Company:
    """Return the company as it was at first: its records, connection, mappings, couplings and jobs are removed."""
    Company.objects.filter(name=company.name).delete()
    return _made(company)


def counts(company: Company, tables: Mapping[str, object]) -> dict[str, int]:
    """Return how many records the company has, by table."""
    return {name: catalog.table(name).records(company).count() for name in tables}


def _made(data: DemoCompany) -> Company:
    company, _ = Company.objects.get_or_create(
        name=data.name, defaults={"currency_code": data.currency_code, "country_code": data.country_code}
    )
    now = timezone.now()
    for name, rows in data.tables.items():
        table = catalog.table(name)
        if not rows or table.records(company).exists():
            continue
        fields = list(rows[0])
        bulk.insert(
            table.model,
            ("company_id", "created_at", "modified_at", "changed_by", *fields),
            [(company.pk, now, now, ChangedBy.IMPORT.value, *(row[f] for f in fields)) for row in rows],
        )
    return company
