"""A company whose local currency is not its organization's base currency: what a blank currency code stands for."""

from decimal import Decimal

from core.vocabulary import Direction
from masterdata.models import Currency, Customer
from tests.sync.conftest import accounts, counters, customer, patch, synchronize, update_mapping


def test_a_blank_currency_code_is_the_row_with_the_local_currencys_iso_code(company, customers, remote):
    assert remote.control("GET", "environment")["base_currency"] == "USD"
    company.currency_code = "EUR"
    company.save()
    rows = {row["isocurrencycode"]: row["transactioncurrencyid"] for row in remote.rows("transactioncurrencies")}
    one = customer(company, "10000", credit_limit=Decimal("500"))
    assert counters(synchronize(customers, direction=Direction.TO)) == {"inserted": 1}
    (account,) = accounts(remote).values()
    assert account["_transactioncurrencyid_value"] == rows["EUR"]
    modified_at = Customer.objects.get().modified_at
    assert counters(synchronize(customers, full=True)) == {"unchanged": 1}
    assert accounts(remote)[one.name]["versionnumber"] == account["versionnumber"]
    assert Customer.objects.get().modified_at == modified_at
    patch(remote, account["accountid"], address1_city="Oslo")
    assert counters(synchronize(customers)) == {"modified": 1}
    assert (Customer.objects.get().city, Customer.objects.get().currency_code) == ("Oslo", "")


def test_without_a_row_of_the_local_currency_a_blank_code_fails_and_says_what_to_do(company, customers, remote):
    company.currency_code = "SEK"
    company.save()
    customer(company, "10000", "Adatum")
    customer(company, "10001", "Contoso", currency_code="EUR")
    Currency.objects.create(company=company, code="EUR", exchange_rate=Decimal("0.09"))
    currencies = update_mapping(company, "CURRENCY")
    synchronize(currencies, create=True)
    job = synchronize(customers, direction=Direction.TO)
    assert counters(job) == {"failed": 1, "inserted": 1}
    message = job.outcomes.get(outcome="failed").message
    assert "Currency Code stands for the local currency, SEK, which Dataverse does not have." in message
    assert "Add SEK in Dataverse, or enter it here, as a currency with its exchange rate" in message
    Currency.objects.create(company=company, code="SEK", exchange_rate=Decimal("1"))
    synchronize(currencies, create=True)
    assert counters(synchronize(customers, direction=Direction.TO))["inserted"] == 1
    rows = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in remote.rows("transactioncurrencies")}
    assert rows[accounts(remote)["Adatum"]["_transactioncurrencyid_value"]] == "SEK"
