"""The company's local currency in Dataverse, made where the check of currencies found it missing."""

from typing import Any
from uuid import uuid5

from connection_setup.connection import clients
from connection_setup.connection.state import audit_as
from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.types import Dataverse
from core.refusals import Refusal
from dataverse import odata
from dataverse.errors import Duplicate
from masterdata.models import Currency

PRECISION = 2
"""Decimals of a new currency's amounts; Dataverse asks for them, and they can be changed there."""


def create(*, connection: DataverseConnection, user: Any) -> str:
    """Make the local currency in Dataverse, with the rate that Currencies has; return a sentence. Repeatable.

    Raises Refusal (the base currency has no rate here; the environment is another one), DataverseError.
    """
    company = connection.company
    client = clients.settings_client(connection, credentials.open_credential(connection), None)
    who = client.who_am_i()
    if connection.organization_id not in (None, who.organization_id):
        raise Refusal(
            "wrong_environment",
            "Another organization answers than the one this connection belongs to, so nothing was made.",
            "Look at Environment Changed first.",
        )
    local, base = company.currency_code, client.organization().base_currency_code
    if local == base or _is_there(client, local):
        return f"Dataverse has the currency {local}."
    known = Currency.objects.filter(company=company, code=base).first()
    if known is None or not known.exchange_rate:
        raise Refusal(
            "configuration",
            f"Dataverse takes no currency without a rate, and Currencies has none for {base}.",
            f"Add {base} to Currencies with an exchange rate, then try again.",
        )
    row_id = uuid5(who.organization_id, f"tandem currency {local}")
    row = {
        "transactioncurrencyid": str(row_id), "isocurrencycode": local, "currencyname": local, "currencysymbol": local,
        "currencyprecision": PRECISION, "exchangerate": round(float(1 / known.exchange_rate), 10),
    }  # fmt: skip
    with audit_as(user):
        try:
            client.create("transactioncurrencies", row, primary_id="transactioncurrencyid")
        except Duplicate:  # somebody else made it meanwhile
            return f"Dataverse has the currency {local}."
    return f"The currency {local} is in Dataverse now, with the exchange rate of Currencies."


def _is_there(client: Dataverse, code: str) -> bool:
    found = client.first_page(
        "transactioncurrencies", select=["transactioncurrencyid"], filter=odata.eq("isocurrencycode", code)
    )
    return bool(found.rows)
