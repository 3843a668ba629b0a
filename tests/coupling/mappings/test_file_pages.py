"""The pages Export, Import Mappings, Copy Mappings, Add Missing Default Mappings, and what a reset asks."""

import html
import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from coupling.mapping_files.types import MAX_BYTES
from coupling.mappings import defaults
from coupling.mappings.stored_file import stored_file
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from tests.coupling.mappings.test_mapping_files import change_a_lot_here, exported, person_with, without_pairs
from tests.sync.conftest import signed_in

LIST = "/c/plain/mappings/"


@pytest.fixture
def plain(db):
    """Give a company with the default mappings, without a connection."""
    made = Company.objects.create(name="Plain", currency_code="USD")
    defaults.create_missing(made)
    return made


def words(answer):
    text = re.sub(r"<(script|style|svg).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def hidden(answer):
    """Return the hidden fields of the page's form, as a browser sends them."""
    page = answer.content.decode()
    form = page[page.index('id="page-form"') :]
    inputs = (dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in re.findall(r'<input type="hidden"[^>]*>', form))
    return {one["name"]: html.unescape(one.get("value", "")) for one in inputs}


def upload(client, text, **more):
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(f"{LIST}import/", {"file": SimpleUploadedFile("mappings.yaml", content), **more})


def test_export_is_a_file_of_the_selected_mappings_or_of_all(plain):
    client = signed_in("Viewer")
    answer = client.get(f"{LIST}export/")
    assert answer["Content-Disposition"] == 'attachment; filename="plain-mappings.yaml"'
    assert answer["Content-Type"] == "application/yaml; charset=utf-8"
    assert answer.content.decode() == exported("Plain")
    chosen = IntegrationTableMapping.objects.get(name="PAYMENT TERMS").pk
    leads = client.post(f"{LIST}selected/export/", {"selected": chosen})
    answer = client.get(leads.url)
    assert answer["Content-Disposition"] == 'attachment; filename="plain-payment-terms.yaml"'
    assert answer.content.decode() == exported("Plain", "PAYMENT TERMS")
    assert client.get(f"{LIST}export/?id=x").status_code == 302
    page = words(client.get(LIST))
    assert all(action in page for action in ("Export Selected", "Export All", "Import", "Copy to Another Company"))


def test_import_shows_the_difference_and_stores_it_once_agreed(plain):
    client, text = signed_in("Administrator"), exported("Plain", "CUSTOMER")
    change_a_lot_here(plain)
    before = stored_file(plain)
    assert "What it would change is shown before" in words(client.get(f"{LIST}import/"))
    shown = upload(client, text)
    assert shown.status_code == 200
    page = words(shown)
    assert "Synchronize every (minutes) was 5 and becomes 30." in page
    assert "The field fax_no=fax is added." in page
    assert "Plain is not connected to Dataverse now" in page
    assert stored_file(plain) == before
    fields = hidden(shown)
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(every_minutes=9)
    again = client.post(f"{LIST}import/", fields)
    assert "Something else differs by now." in words(again)
    assert "was 9 and becomes 30" in words(again)
    done = client.post(f"{LIST}import/", hidden(again), follow=True)
    assert "changes are stored in Plain: CUSTOMER." in words(done)
    assert exported("Plain", "CUSTOMER") == text
    assert "Nothing differs" in words(upload(client, text))


def test_what_a_card_asks_before_it_is_stored_is_told_with_the_difference(plain):
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(
        multi_company=True, synch_only_coupled=False, deletion_conflict="uncouple"
    )
    client, text = signed_in("Administrator"), exported("Plain", "CUSTOMER")
    assert "rows that other companies use" not in words(upload(client, text))
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(multi_company=False, synch_only_coupled=True)
    page = words(upload(client, text))
    assert "CUSTOMER: Rows of every company take part, so what is changed here also changes rows that" in page
    assert "CUSTOMER: When one side of a pair is deleted, its coupling is deleted too" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format: 1\nmappings: [", "Line 3: The file is no YAML"),
        ("a: &a [1]", "Line 1: Anchors and aliases are not read"),
        (b"\xff", "Line 1: The file is no text in UTF-8."),
        (b" " * (MAX_BYTES + 5), "at most 2,000,000 are read."),
        ("", "The file is empty. Choose another one."),
    ],
)
def test_a_file_that_cannot_be_is_refused_on_its_field_and_nothing_is_saved(plain, text, said):
    before = stored_file(plain)
    answer = upload(signed_in("Administrator"), text)
    assert (answer.status_code, said in words(answer)) == (400, True)
    assert stored_file(plain) == before


def test_text_that_somebody_changed_after_looking_is_read_again_and_shown_first(plain):
    client = signed_in("Administrator")
    fields = hidden(upload(client, exported("Plain", "CUSTOMER").replace("every_minutes: 30", "every_minutes: 7")))
    before = stored_file(plain)
    fields["text"] = fields["text"].replace("every_minutes: 7", "every_minutes: 8")
    assert "becomes 8" in words(client.post(f"{LIST}import/", fields))
    fields["text"] = "format: 1"
    assert client.post(f"{LIST}import/", fields).status_code == 400
    assert stored_file(plain) == before


def test_a_file_as_large_as_may_be_is_imported_by_a_browser_that_sends_other_breaks_of_lines(plain):
    """A browser sends a form's text with CRLF."""
    client = signed_in("Administrator")
    text = exported("Plain", "CUSTOMER").replace("every_minutes: 30", "every_minutes: 7")
    text += "# a comment\n" * ((MAX_BYTES - len(text.encode())) // 12)
    fields = hidden(upload(client, text))
    fields["text"] = fields["text"].replace("\n", "\r\n")
    assert "1 change is stored in Plain" in words(client.post(f"{LIST}import/", fields, follow=True))


def test_of_many_sentences_about_a_file_a_few_are_shown_and_the_others_counted(plain):
    pairs = "".join(f"      - {{code: C{at}, value: {at}}}\n" for at in range(50))
    text = without_pairs(exported("Plain", "PAYMENT TERMS")) + "    options:\n" + pairs
    page = words(upload(signed_in("Administrator"), text))
    assert "has no payment terms C0, so its pair" in page
    assert "has no payment terms C40, so its pair" not in page
    assert "41 more like these are not shown here." in page


def test_a_copy_asks_for_a_company_that_the_person_administers_and_shows_the_difference(plain):
    branch = Company.objects.create(name="Branch", currency_code="USD")
    Company.objects.create(name="Secret", currency_code="USD")
    person_with("kim", {"Plain": "Viewer", "Branch": "Administrator"})
    client = Client()
    client.force_login(User.objects.get(username="kim"), backend="django.contrib.auth.backends.ModelBackend")
    chosen = IntegrationTableMapping.objects.filter(name__in=["CUSTOMER", "CURRENCY"]).values_list("pk", flat=True)
    address = client.post(f"{LIST}selected/copy/", {"selected": list(chosen)}).url
    asked = words(client.get(address))
    assert "CURRENCY, CUSTOMER" in asked and "Branch" in asked and "Secret" not in asked
    assert client.post(address, {"to": "secret"}).status_code == 400
    shown = client.post(address, {"to": "branch"})
    assert "The mapping is added, of customer and account" in words(shown)
    assert not stored_file(branch).mappings
    done = client.post(address, hidden(shown), follow=True)
    assert "2 changes are stored in Branch: " in words(done)
    assert exported("Branch") == exported("Plain", "CUSTOMER", "CURRENCY")
    person_with("val", {"Plain": "Administrator"})
    client.force_login(User.objects.get(username="val"), backend="django.contrib.auth.backends.ModelBackend")
    assert "There is no other company that you administer." in words(client.get(address))
    assert client.get("/c/branch/mappings/export/").status_code == 404
    assert "Nothing is selected" in words(client.get(f"{LIST}copy/", follow=True))


def test_import_is_for_administrators_and_others_are_told(plain):
    for role, status in (("Viewer", 403), ("Mapper", 403), ("Administrator", 200)):
        assert signed_in(role).get(f"{LIST}import/").status_code == status


def test_a_reset_lists_what_it_discards_with_counts_and_names(plain):
    mapping = change_a_lot_here(plain)
    client = signed_in("Administrator")
    asked = words(client.get(f"{LIST}reset/?id={mapping.pk}"))
    said = (
        "CUSTOMER: 1 filter (Table Filter); 1 own field (name_2=); 1 missing field (fax_no=fax); "
        "1 matching criterion (phone_no=telephone1); 1 policy (Resolve Update Conflicts); "
        "1 setting of the schedule (Synchronize every (minutes))."
    )
    assert said in asked
    assert mapping.fields.filter(field="name_2").exists()
    client.post(f"{LIST}reset/", {"id": str(mapping.pk)})
    assert not mapping.fields.filter(field="name_2").exists()
    assert "They are as they are by default now." in words(client.get(f"{LIST}reset/?id={mapping.pk}"))


def test_the_setup_page_asks_with_what_a_reset_of_all_would_discard(company):
    change_a_lot_here(company)
    asked = words(signed_in("Administrator").get("/c/cronus/dataverse-connection-setup/default-setup/"))
    assert "CUSTOMER: 1 filter (Table Filter); 1 own field (name_2=)" in asked


def test_missing_default_mappings_are_added_after_a_question(plain):
    client = signed_in("Mapper")
    assert "Plain has all default mappings." in words(client.get(f"{LIST}add-defaults/", follow=True))
    IntegrationTableMapping.objects.filter(name="VENDOR").delete()
    change_a_lot_here(plain)
    before = stored_file(plain).mapping("CUSTOMER")
    assert "VENDOR: the mapping is added" in words(client.get(f"{LIST}add-defaults/"))
    done = client.post(f"{LIST}add-defaults/", follow=True)
    assert "1 changes are stored" not in words(done) and "1 change is stored in Plain: VENDOR." in words(done)
    assert stored_file(plain).mapping("CUSTOMER") == before
