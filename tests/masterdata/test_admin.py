"""Master data in the admin: lists, forms, and no way to lose a company."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from masterdata import catalog
from masterdata.models import Customer

TABLES = [table.model._meta for table in catalog.tables()]


@pytest.fixture
def admin(client, db, settings):
    # The manifest of static files is made when the site is served; pages are looked at here without it.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.force_login(
        get_user_model().objects.create_superuser("ada", password="correct horse battery"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.mark.parametrize("meta", TABLES, ids=lambda meta: meta.model_name)
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_every_table_has_its_pages(admin, company, meta, page):
    assert admin.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}"), {"q": "x"}).status_code in {200, 302}


def test_a_company_cannot_be_deleted_there(admin, company):
    assert admin.get(reverse("admin:masterdata_company_change", args=[company.pk])).status_code == 200
    assert admin.post(reverse("admin:masterdata_company_delete", args=[company.pk])).status_code == 403


def test_a_change_over_one_made_meanwhile_is_refused_there_too(admin, company, contexts):
    record = Customer.objects.create(company=company, no="1", name="Alder")
    url = reverse("admin:masterdata_customer_change", args=[record.pk])
    form = admin.get(url).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in shown.items() if value is not None}
    Customer.objects.get(pk=record.pk).save()
    page = admin.post(url, {**data, "name": "Birch"})
    assert page.status_code == 200
    assert "Somebody changed this record" in page.content.decode()
    assert Customer.objects.get().name == "Alder"
    data["seen"] = Customer.objects.get().modified_at.isoformat()
    assert admin.post(url, {**data, "name": "Birch"}).status_code == 302
    assert Customer.objects.get().name == "Birch"


def test_records_without_a_choice_are_found_and_counted_by_it(admin, company, contexts):
    for number, blocked in enumerate(["", "", "Ship"]):
        Customer.objects.create(company=company, no=f"C{number}", name=f"Alder {number}", blocked=blocked)
    url = reverse("admin:masterdata_customer_changelist")
    page = admin.get(url, {"_facets": "True"})
    (blank,) = (one for one in page.context["cl"].filter_specs if one.title == "Blocked")
    links = {one["display"].strip(): one["query_string"] for one in blank.choices(page.context["cl"])}
    assert "(blank)  (2)</a>" in page.content.decode()
    assert [row.no for row in admin.get(url + links["(2)"]).context["cl"].result_list] == ["C0", "C1"]
    assert [row.no for row in admin.get(url + links["Ship (1)"]).context["cl"].result_list] == ["C2"]


def test_a_new_record_shows_nothing_that_it_does_not_have_yet(admin, company):
    record = Customer.objects.create(company=company, no="1", name="Alder")
    assert "System id" not in admin.get(reverse("admin:masterdata_customer_add")).content.decode()
    kept = admin.get(reverse("admin:masterdata_customer_change", args=[record.pk])).content.decode()
    assert str(record.system_id) in kept
