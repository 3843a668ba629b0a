"""Templates for New Records: made on its pages, chosen on a mapping's card and by the command."""

from io import StringIO

from django.core.management import call_command
from django.urls import reverse

from coupling.models import IntegrationTableMapping
from masterdata.models import RecordTemplate
from tests.sync.conftest import signed_in
from tests.ui.pages import check


def url(name, company, **more):
    return reverse(f"coupling:{name}", kwargs={"company": company.slug, **more})


def test_a_template_is_made_filled_chosen_on_the_card_and_kept_while_a_mapping_names_it(company, customer_mapping):
    client = signed_in("Mapper")
    assert "There is none yet." in check(client.get(url("templates", company))).root.text
    check(client.get(url("new-template", company)))
    answer = client.post(url("new-template", company), {"code": "shop", "table": "customer", "description": "Shops"})
    template = RecordTemplate.objects.get()
    address = url("template", company, template_id=template.pk)
    assert (answer.url, template.code) == (address, "SHOP")
    page = check(client.get(address))
    assert page.h1 == "SHOP"
    assert "Language Code" in page.root.text
    assert "value-no" not in client.get(address).content.decode()
    entered = {"description": "Shops", "value-language_code": "ENU", "value-blocked": "Ship"}
    refused = client.post(address, {**entered, "value-credit_limit": "a lot"})
    assert (refused.status_code, RecordTemplate.objects.get().values) == (400, {})
    assert "is not a number" in check(refused, status=400).root.text
    client.post(address, entered)
    assert RecordTemplate.objects.get().values == {"language_code": "ENU", "blocked": "Ship"}
    again = client.post(url("new-template", company), {"code": "SHOP", "table": "vendor"})
    assert "There is a template of that code already." in check(again, status=400).root.text

    card = reverse("coupling:mapping", kwargs={"company": company.slug, "mapping": "CUSTOMER"})
    assert "SHOP Shops" in check(client.get(card)).root.text
    sent = {"direction": "bidirectional", "synch_only_coupled": "on", "every_minutes": "30", "blanks": "send"}
    client.post(card, {**sent, "template": "SHOP"})
    assert IntegrationTableMapping.objects.get(pk=customer_mapping.pk).template == "SHOP"
    client.post(card, sent)
    assert IntegrationTableMapping.objects.get(pk=customer_mapping.pk).template == "SHOP", "nothing was said of it"
    listed = check(client.get(url("templates", company))).root.text
    assert "Blocked Ship, Language Code ENU" in listed
    assert "CUSTOMER" in listed

    delete = url("delete-template", company, template_id=template.pk)
    assert "The template SHOP is the one of CUSTOMER." in check(client.post(delete, follow=True)).root.text
    call_command("mapping", "set", "CUSTOMER", "--company", company.name, "--template", "", stdout=StringIO())
    client.post(delete)
    assert not RecordTemplate.objects.exists()


def test_the_command_chooses_a_template_and_others_look_only(company, customer_mapping):
    RecordTemplate.objects.create(company=company, code="SHOP", table="customer")
    out = StringIO()
    words = ("CUSTOMER", "--company", company.name, "--template", "shop", "--json")
    call_command("mapping", "set", *words, stdout=out)
    assert '"template": "SHOP"' in out.getvalue()
    client = signed_in("Viewer")
    assert client.get(url("templates", company)).status_code == 200
    assert client.get(url("new-template", company)).status_code == 403
    card = reverse("coupling:mapping", kwargs={"company": company.slug, "mapping": "CUSTOMER"})
    assert "SHOP" in check(client.get(card)).root.text


def test_what_new_rows_get_is_changed_on_the_card_and_by_the_command(company, customer_mapping):
    card = reverse("coupling:mapping", kwargs={"company": company.slug, "mapping": "CUSTOMER"})
    client = signed_in("Mapper")
    assert "customertypecode=3" in client.get(card).content.decode()
    sent = {"direction": "bidirectional", "every_minutes": "30", "blanks": "send"}
    lines = "customertypecode=Customer\nindustrycode=1\ndonotphone=Yes\nnumberofemployees=12"
    client.post(card, {**sent, "insert_values": lines})
    customer_mapping.refresh_from_db()
    expected = {"customertypecode": 3, "industrycode": 1, "donotphone": True, "numberofemployees": 12}
    assert customer_mapping.insert_values == expected
    for wrong, said in (
        ("nothing=1", "has no column"),
        ("accountid=1", "points to a row"),
        ("customertypecode=Friend", "has no choice"),
        ("customertypecode", "is no COLUMN=VALUE"),
        ("numberofemployees=few", "cannot hold the constant"),
    ):
        answer = client.post(card, {**sent, "insert_values": wrong})
        assert said in check(answer, status=400).root.text, wrong
    words = ("CUSTOMER", "--company", company.name, "--insert-values", '{"customertypecode": 3}')
    call_command("mapping", "set", *words, stdout=StringIO())
    customer_mapping.refresh_from_db()
    assert customer_mapping.insert_values == {"customertypecode": 3}
