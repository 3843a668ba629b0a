"""Master data in the admin: import with a preview, export, and no way to lose a company."""

from io import BytesIO

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from import_export.formats.base_formats import CSV, DEFAULT_FORMATS, XLSX
from openpyxl import load_workbook
from tablib import Dataset

from masterdata import catalog
from masterdata.admin import resource_of
from masterdata.models import ChangedBy, Customer
from tests.example_app.models import Subscription

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
@pytest.mark.parametrize("page", ["changelist", "add", "import", "export"])
def test_every_table_has_its_pages(admin, company, meta, page):
    assert admin.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}"), {"q": "x"}).status_code in {200, 302}


def test_an_import_shows_a_preview_and_writes_when_confirmed(admin, company):
    Customer.objects.create(company=company, no="1", name="Alder")
    text = f"company,no,name,city\n{company.name},1,Alder,NULL\n{company.name},2,Birch ,Oslo\n"
    upload = SimpleUploadedFile("customers.csv", text.encode(), content_type="text/csv")
    page = admin.post(reverse("admin:masterdata_customer_import"), {"import_file": upload, "format": "0"})
    assert page.status_code == 200
    assert Customer.objects.count() == 1
    assert [row.import_type for row in page.context["result"].valid_rows()] == ["skip", "new"]
    confirmed = page.context["confirm_form"].initial
    admin.post(reverse("admin:masterdata_customer_process_import"), {**confirmed, "resource": ""})
    birch = Customer.objects.get(no="2")
    assert (birch.name, birch.city, birch.changed_by) == ("Birch", "Oslo", ChangedBy.IMPORT)
    assert Customer.objects.get(no="1").changed_by == ChangedBy.PERSON


def test_another_app_s_table_is_imported_there_too(admin, company):
    upload = SimpleUploadedFile("s.csv", f"company,number,name\n{company.name},S1,Basic\n".encode())
    page = admin.post(reverse("admin:example_app_subscription_import"), {"import_file": upload, "format": "0"})
    admin.post(
        reverse("admin:example_app_subscription_process_import"),
        {**page.context["confirm_form"].initial, "resource": ""},
    )
    assert Subscription.objects.get().name == "Basic"


def test_a_company_cannot_be_deleted_there(admin, company):
    assert admin.get(reverse("admin:masterdata_company_change", args=[company.pk])).status_code == 200
    assert admin.post(reverse("admin:masterdata_company_delete", args=[company.pk])).status_code == 403


FORMULAS = [
    "=cmd|' /C calc'!A0",
    "==1+1",
    "@SUM(1)",
    "+1+cmd",
    "-2+3+cmd",
    "\t=1",
    "'=kept",
    "+47 22 33 44",
    "-",
    "plain",
]


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_an_export_holds_no_formula_and_reads_back_as_it_was(admin, company, kind):
    for number, name in enumerate(FORMULAS):
        Customer.objects.create(company=company, no=f"C{number}", name=name, name_2=name)
    formats = [str(number) for number, one in enumerate(DEFAULT_FORMATS) if one is kind]
    url = reverse("admin:masterdata_customer_export")
    asked = {name: "on" for name in admin.get(url).context["form"].fields if name.startswith("resource_")}
    answer = admin.post(url, {**asked, "format": formats[0], "resource": "0"})
    assert answer.status_code == 200
    rows = Dataset().load(answer.content if kind is XLSX else answer.content.decode(), format=kind().get_title())
    names = dict(zip(rows["no"], rows["name"], strict=True))
    assert len(names) == len(FORMULAS)
    for name in names.values():
        assert not name.startswith(("=", "@", "\t"))
    if kind is XLSX:
        cells = [cell for row in load_workbook(BytesIO(answer.content)).active for cell in row]
        assert "f" not in {cell.data_type for cell in cells}
    assert names["C7"] == "+47 22 33 44"
    resource = resource_of(Customer)()
    before = {row.no: row.name for row in Customer.objects.all()}
    Customer.objects.update(name="")
    result = resource.import_data(rows, raise_errors=True)
    assert not result.has_errors()
    assert {row.no: row.name for row in Customer.objects.all()} == {no: name.strip() for no, name in before.items()}


def test_a_change_over_one_made_meanwhile_is_refused_there_too(admin, company):
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


def test_records_without_a_choice_are_found_and_counted_by_it(admin, company):
    for number, blocked in enumerate(["", "", "Ship"]):
        Customer.objects.create(company=company, no=f"C{number}", name=f"Alder {number}", blocked=blocked)
    url = reverse("admin:masterdata_customer_changelist")
    page = admin.get(url, {"_facets": "True"})
    (blank,) = (one for one in page.context["cl"].filter_specs if one.title == "Blocked")
    links = {one["display"].strip(): one["query_string"] for one in blank.choices(page.context["cl"])}
    assert "(blank)  (2)</a>" in page.content.decode()
    assert [row.no for row in admin.get(url + links["(2)"]).context["cl"].result_list] == ["C0", "C1"]
    assert [row.no for row in admin.get(url + links["Ship (1)"]).context["cl"].result_list] == ["C2"]


def test_an_export_names_the_fields_as_pages_do_and_offers_csv_first(admin, company):
    form = admin.get(reverse("admin:masterdata_customer_export")).context["form"]
    labels = [field.label for field in form.visible_fields()]
    assert labels[:2] == ["Company", "No."]
    assert "VAT Registration No." in labels
    assert dict(form.fields["format"].choices)[form["format"].value()] == "csv"


def test_a_new_record_shows_nothing_that_it_does_not_have_yet(admin, company):
    record = Customer.objects.create(company=company, no="1", name="Alder")
    assert "System id" not in admin.get(reverse("admin:masterdata_customer_add")).content.decode()
    kept = admin.get(reverse("admin:masterdata_customer_change", args=[record.pk])).content.decode()
    assert str(record.system_id) in kept
