"""The page Alerts: what stands and is over, receivers, settings; who may do what."""

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import set_roles
from core.roles import Role
from jobs.alerts import services
from jobs.models import Alert, AlertReceiver
from masterdata.models import Company
from tests.jobs.alerts.conftest import Facts, mail_receiver, webhook_receiver
from tests.receivers import SECRET, WebhookServer

pytestmark = pytest.mark.django_db


def client_of(role: Role, company: Company, django_user_model: Any) -> Client:
    user = django_user_model.objects.create_user(role.lower())
    set_roles(person=user, company=company, roles=[role])
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(name: str, company: Company, **parts: Any) -> str:
    return reverse(f"jobs:{name}", kwargs={"company": company.slug, **parts})


def read(answer: Any) -> str:
    return unescape(answer.content.decode())


@pytest.fixture
def ada(company: Company, django_user_model: Any) -> Client:
    return client_of(Role.ADMINISTRATOR, company, django_user_model)


def test_without_anything_the_page_says_what_comes(company: Company, facts: Facts, ada: Client) -> None:
    page = read(ada.get(url("alerts", company)))
    assert "<h1" in page and ">Alerts</h1>" in page
    for said in (
        "There are none. What comes up",
        "Nobody is told",
        "New Receiver",
        "No past alerts",
        "There are none yet.",
    ):
        assert said in page
    found = read(ada.get(reverse("ui:search", kwargs={"company": company.slug}), {"q": "Alerts"}))
    assert url("alerts", company) in found


def test_what_stands_and_what_is_over_lead_to_where_it_is_settled(company: Company, facts: Facts, ada: Client) -> None:
    for over_at, said in ((None, "It leaks."), (timezone.now(), "It leaked.")):
        Alert.objects.create(
            company=company, kind="leak", subject=said, mapping_name="CUSTOMER", message=said, fix="Close it.",
            url=f"/c/{company.slug}/jobs/7/", over_at=over_at,
        )  # fmt: skip
    page = read(ada.get(url("alerts", company)))
    assert "1 open" in page and "It leaks. Close it." in page and "It leaked." in page
    assert page.count(f'href="/c/{company.slug}/jobs/7/"') == 2
    home = read(ada.get(reverse("ui:role-center", kwargs={"company": company.slug})))
    assert "Open alerts" in home and f'href="{url("alerts", company)}"' in home


def test_a_receiver_is_added_tested_changed_and_deleted(
    company: Company, facts: Facts, ada: Client, webhook_server: WebhookServer
) -> None:
    new = url("new-alert-receiver", company)
    bad = read(ada.post(new, {"way": "webhook", "address": "http://a.example/", "secret": SECRET}))
    assert "A webhook is sent over https only." in bad and SECRET not in bad
    sent = {"way": "webhook", "address": webhook_server.url, "secret": SECRET, "kinds": ["leak"], "mapping": "CUSTOMER"}
    page = read(ada.post(new, sent, follow=True))
    one = AlertReceiver.objects.get()
    assert (one.kinds, one.mapping_name) == (["leak"], "CUSTOMER")
    assert "Send Test shows whether alerts arrive" in page
    tested = read(ada.post(url("test-alert-receiver", company, receiver=one.pk), follow=True))
    assert "The receiver answered 200: taken" in tested and webhook_server.taken[0]["test"] is True
    webhook_server.status = 500
    tested = read(ada.post(url("test-alert-receiver", company, receiver=one.pk), follow=True))
    assert "did not get the test" in tested and "answered 500" in tested
    listed = read(ada.get(url("alerts", company)))
    assert "Messages do not arrive" in listed and "answered 500" in listed
    card = url("alert-receiver", company, receiver=one.pk)
    for shown in (page, tested, listed, read(ada.get(card))):
        assert SECRET not in shown and "tandem-8c1f" not in shown, "a path may be as good as a password"
    ada.post(card, {"way": "webhook", "address": "", "secret": "", "mapping": ""})
    one.refresh_from_db()
    assert (one.kinds, one.mapping_name, one.address) == ([], "", webhook_server.url)
    ada.post(card, {"way": "mail", "address": "ada@example.com"})
    one.refresh_from_db()
    assert (one.way, one.shown_address, bytes(one.secret)) == ("mail", "ada@example.com", b"")
    delete = url("delete-alert-receiver", company, receiver=one.pk)
    assert "gets no more alerts" in read(ada.get(delete)) and AlertReceiver.objects.exists()
    ada.post(delete)
    assert not AlertReceiver.objects.exists()


def test_how_often_messages_go_is_chosen_for_the_company(company: Company, facts: Facts, ada: Client) -> None:
    assert ada.post(url("alert-settings", company), {"digest": "weekly"}).status_code == 400
    ada.post(url("alert-settings", company), {"digest": "daily"})
    assert services.digest_of(company) == "daily"
    changes = read(ada.get(reverse("connection_setup:change-log", kwargs={"company": company.slug})))
    assert "At most once a day" in changes


@pytest.mark.parametrize("role", [Role.MAPPER, Role.OPERATOR, Role.VIEWER])
def test_others_read_and_change_nothing(company: Company, facts: Facts, role: Role, django_user_model: Any) -> None:
    one = mail_receiver(company)
    client = client_of(role, company, django_user_model)
    page = read(client.get(url("alerts", company)))
    assert "At once" in page and "Settings of Alerts" in page
    assert "ada@example.com" in page and "Only an Administrator may do this." in page
    assert "page-form" not in page and url("alert-receiver", company, receiver=one.pk) not in page
    assert client.get(url("new-alert-receiver", company)).status_code == 403
    for name in ("alert-receiver", "delete-alert-receiver", "test-alert-receiver"):
        assert client.post(url(name, company, receiver=one.pk)).status_code == 403
    assert client.post(url("alert-settings", company), {"digest": "daily"}).status_code == 403


def test_another_company_s_receiver_is_not_there(company: Company, facts: Facts, ada: Client) -> None:
    other = Company.objects.create(name="Northwind", currency_code="USD")
    one = mail_receiver(other)
    for name in ("alert-receiver", "delete-alert-receiver", "test-alert-receiver"):
        assert ada.post(url(name, company, receiver=one.pk)).status_code == 404
        assert ada.post(url(name, other, receiver=one.pk)).status_code == 404


def test_the_change_log_has_who_was_told_and_no_secret(
    company: Company, facts: Facts, ada: Client, webhook_server: WebhookServer
) -> None:
    one = webhook_receiver(company, webhook_server)
    services.save_receiver(company=company, receiver=one, way="webhook", address="", secret="another" + SECRET)
    services.delete_receiver(receiver=one)
    log = read(ada.get(reverse("connection_setup:change-log", kwargs={"company": company.slug})))
    assert "Version of Address and Secret: 1 → 2" in log
    assert "Receiver of Alerts" in log and "http://127.0.0.1:" in log
    assert SECRET not in log and "tandem-8c1f" not in log


def test_the_page_asks_few_queries_however_much_there_is(
    company: Company, facts: Facts, ada: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        mail_receiver(company)
        for over_at in (None, timezone.now()):
            Alert.objects.create(
                company=company, kind="leak", subject=f"{number}", message="x", url="/", over_at=over_at
            )
    ada.get(url("alerts", company))
    with django_assert_max_num_queries(12):
        assert ada.get(url("alerts", company)).status_code == 200
