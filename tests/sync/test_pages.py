"""What holds for all pages of this room: connection, roles, queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connection_setup.enabling import services
from coupling.models import Coupling, CouplingBase, FailedRecord, UndoneRecord
from sync.full import services as full
from tests.sync.conftest import (
    customer,
    page_text,
    page_url,
    signed_in,
    synchronize,
)


def test_without_a_connection_every_page_says_so(company, operator, remote):
    services.disable(company=company, user=None)
    for name in ("review", "conflicts", "skipped"):
        assert "not enabled" in page_text(operator.get(page_url(company, name)))


@pytest.mark.parametrize(
    ("role", "may"), [("Administrator", True), ("Operator", True), ("Mapper", False), ("Viewer", False)]
)
def test_every_role_reads_and_only_operators_start(company, customers, remote, role, may):
    client = signed_in(role)
    for name in ("review", "conflicts", "skipped"):
        assert client.get(page_url(company, name)).status_code == 200
    starting = ("sync-all", "review-refresh", "review-reset", "review-restart", "resolve", "retry", "retry-all")
    for name in (*starting, "accept", "couple-with-successor", "restore", "delete-couplings"):
        assert (client.post(page_url(company, name)).status_code == 403) is not may, name
        assert client.get(page_url(company, name)).status_code in ({200, 302, 405} if may else {403, 405}), name


def test_the_pages_need_few_queries(company, customers, operator, remote):
    for number in range(30):
        customer(company, f"1{number:04}", currency_code="")
    synchronize(customers)
    conflict = {"fields": [{"local": "city", "caption": "City"}]}
    CouplingBase.objects.update(skipped=True, last_to_reason="denied", last_error="No.", conflict=conflict)
    UndoneRecord.objects.bulk_create(
        UndoneRecord(
            company=company, mapping=customers, coupling=pair, local_id=pair.local_id, reason="denied", condition="No."
        )
        for pair in Coupling.objects.all()
    )  # fmt: skip
    full.generate(company)
    one = customer(company, "20000")
    FailedRecord.objects.create(
        company=company, mapping=customers, local_id=one.system_id, reason="multiple_matches", job_id=1
    )
    for name in ("review", "conflicts", "skipped"):
        operator.get(page_url(company, name))
        with CaptureQueriesContext(connection) as asked:
            operator.get(page_url(company, name))
        assert len(asked) <= 12, (name, "\n".join(query["sql"][:160] for query in asked))
