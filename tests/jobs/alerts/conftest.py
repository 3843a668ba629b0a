"""Receivers on this machine, and facts that a test sets."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobs.alerts import kinds, services
from jobs.alerts.decisions import Fact
from jobs.alerts.kinds import Kind
from jobs.models import AlertReceiver
from masterdata.models import Company
from tests.receivers import SECRET, MailServer, WebhookServer, serving, use


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        use(settings, server)
        yield server


@pytest.fixture
def webhook_server() -> Iterator[WebhookServer]:
    with serving(WebhookServer()) as server:
        yield server


class Facts(list[Fact]):
    """What stands, as a test sets it."""

    fails: Exception | None = None

    def __call__(self, _: Any) -> list[Fact]:
        if self.fails:
            raise self.fails
        return list(self)


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> Facts:
    """Only one kind is known, and a test says what stands of it."""
    found = Facts()
    monkeypatch.setattr(kinds, "_kinds", {"leak": Kind("leak", "Leak", "Something leaks.")})
    monkeypatch.setattr(kinds, "_sources", {"leak": [found]})
    monkeypatch.setattr(kinds, "_mapping_names", [lambda ids: [(pk, "CUSTOMER") for pk in ids]])
    return found


def fact(company: Company, subject: str = "pipe", message: str = "The pipe leaks.", mapping: str = "") -> Fact:
    return Fact(company.pk, subject, message, f"/c/{company.slug}/jobs/", mapping, "Close it.")


def mail_receiver(company: Company, **more: Any) -> AlertReceiver:
    return services.save_receiver(company=company, way="mail", address="ada@example.com", **more)


def webhook_receiver(company: Company, server: WebhookServer, **more: Any) -> AlertReceiver:
    return services.save_receiver(company=company, way="webhook", address=server.url, secret=SECRET, **more)
