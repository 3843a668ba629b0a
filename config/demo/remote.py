"""The demo's Dataverse side: what the first company's partners look like to the people who sell to them.

Most customers are there already, as people type them: other case, other spacing, another way to write the number, a
slip of the finger. Some are there twice, some only there, some are no customers at all. No Django here.
"""

import random
import uuid
from collections.abc import Sequence
from typing import Any

from config.demo import sales, words
from config.demo.data import DemoCompany, Maker, Row

_NAMESPACE = uuid.UUID("6f0d3f0e-2b1c-4c59-9d1a-6d7f3a0c5e11")

CUSTOMER, COMPETITOR, SUPPLIER, PROSPECT, VENDOR = 3, 1, 10, 8, 11
"""customertypecode."""
TERMS = {"30 DAYS": 1}
"""paymenttermscode, of the choices that every environment has: Net 30."""
FREIGHT = {"FOB": 1}
"""address1_freighttermscode, likewise: FOB."""


def rows(
    company: DemoCompany, currencies: Sequence[Row] = (), units: Sequence[Row] = (), *, seed: int = 7
) -> dict[str, list[Row]]:
    """Return rows to load into an environment, by entity set.

    currencies: the environment's own transactioncurrencies; those with a code of ours are used, others are made.
    units: its business units; the users belong to the one without a parent.
    """
    rng = random.Random(seed)  # noqa: S311 - plausible data, no secret  # nosec B311
    known = {str(row["isocurrencycode"]).upper(): str(row["transactioncurrencyid"]) for row in currencies}
    made = []
    for code, text, symbol, rate in words.CURRENCIES:
        # The Swedish krona stays on our side, so that the run also shows a currency being created over there.
        if code in known or code == "SEK":
            continue
        known[code] = identity("currency", code)
        made.append(
            {
                "transactioncurrencyid": known[code],
                "isocurrencycode": code,
                "currencyname": text,
                "currencysymbol": symbol,
                "exchangerate": float(rate),
                "currencyprecision": 2,
            }
        )
    accounts = _accounts(rng, company, known)
    contacts = _contacts(rng, company, accounts)
    root = next((str(unit["businessunitid"]) for unit in units if not unit.get("_parentbusinessunitid_value")), None)
    return {
        "transactioncurrencies": made,
        # The last one has left: their customers show what happens when a salesperson has no user.
        "systemusers": [_user(person, root) for person in company.tables["salesperson"][:-1]],
        "accounts": accounts,
        "contacts": contacts,
        **sales.remote_rows(company.tables, accounts, contacts, identity, known.get(company.currency_code, "")),
    }


def identity(kind: str, key: str) -> str:
    """Return the GUID of a row of the demo, the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{key}"))


def _user(person: Row, unit: str | None) -> Row:
    first, _, last = person["name"].partition(" ")
    return {
        "systemuserid": identity("user", person["code"]),
        "firstname": first,
        "lastname": last,
        "fullname": person["name"],
        "domainname": person["e_mail"],
        # Mail addresses are the same to people, whatever their case.
        "internalemailaddress": person["e_mail"].title() if person["code"] < "K" else person["e_mail"],
        "mobilephone": person["phone_no"],
        "jobtitle": person["job_title"],
        "isdisabled": False,
        "islicensed": True,
        "isintegrationuser": False,
        "accessmode": 0,
        **({"_businessunitid_value": unit} if unit else {}),
    }


def _accounts(rng: random.Random, company: DemoCompany, currencies: dict[str, str]) -> list[Row]:
    customers = [customer for customer in company.tables["customer"] if not customer["blocked"]]
    rng.shuffle(customers)
    there = customers[: len(customers) * 3 // 5]
    part = max(1, len(there) // 30)
    accounts: list[Row] = []
    for n, customer in enumerate(there):
        account = _account(customer, "customer", customer["no"], currencies, company.currency_code)
        _retype(rng, account, customer)
        accounts.append(account)
        if n < part:
            # Entered a second time: nobody can tell which one is meant.
            double = {**account, "accountid": identity("double", customer["no"]), "name": account["name"].upper()}
            accounts.append(double)
    elsewhere = Maker(random.Random(99), {"US": 70, "GB": 15, "DE": 15})  # noqa: S311 - plausible data, no secret  # nosec B311
    mine = {customer["name"] for customer in company.tables["customer"]}
    for n in range(len(customers) // 4):
        kind = CUSTOMER if n % 3 else (COMPETITOR, SUPPLIER, PROSPECT)[n // 3 % 3]
        stranger = elsewhere.customer(90_000 + n, company.currency_code, company.tables["salesperson"])
        if stranger["name"] in mine:
            continue
        account = _account(stranger, "stranger", stranger["no"], currencies, company.currency_code)
        account["customertypecode"] = kind
        account.pop("accountnumber")
        if n % 11 == 5:
            account.update(statecode=1, statuscode=2)
        accounts.append(account)
    for vendor in company.tables["vendor"][: len(company.tables["vendor"]) * 3 // 4]:
        account = _account(vendor, "vendor", vendor["no"], currencies, company.currency_code)
        _retype(rng, account, vendor)
        accounts.append({**account, "customertypecode": VENDOR})
    for n in range(2):
        stranger = elsewhere.vendor(95_000 + n, company.currency_code, company.tables["salesperson"])
        account = _account(stranger, "stranger", stranger["no"], currencies, company.currency_code)
        account.pop("accountnumber")
        accounts.append({**account, "customertypecode": VENDOR})
    # A name longer than a customer's may be: shows what happens to a value that does not fit.
    accounts.append(
        {
            "accountid": identity("stranger", "long"),
            "name": "The Amalgamated Guild of Wharfingers, Lightermen, Chandlers and Associated Harbor Trades of the "
            "Greater Northern Coast, Incorporated",
            "address1_city": "Duluth",
            "telephone1": "(218) 555-0142",
            "customertypecode": CUSTOMER,
        }
    )
    rng.shuffle(accounts)
    return accounts


def _account(customer: Row, kind: str, key: str, currencies: dict[str, str], home: str) -> Row:
    row: dict[str, Any] = {
        "accountid": identity(kind, key),
        "accountnumber": customer["no"],
        "name": customer["name"],
        "telephone1": customer["phone_no"],
        "fax": customer["fax_no"],
        "emailaddress1": customer["e_mail"],
        "websiteurl": customer["home_page"],
        "address1_line1": customer["address"],
        "address1_line2": customer["address_2"],
        "address1_city": customer["city"],
        "address1_postalcode": customer["post_code"],
        "address1_stateorprovince": customer["county"],
        "address1_country": customer["country_region_code"],
        "address1_primarycontactname": customer["contact"],
        "creditlimit": float(customer.get("credit_limit", 0)),
        "paymenttermscode": TERMS.get(customer["payment_terms_code"]),
        "address1_freighttermscode": FREIGHT.get(customer["shipment_method_code"]),
        "customertypecode": CUSTOMER,
        "_transactioncurrencyid_value": currencies.get(customer["currency_code"] or home),
    }
    return {column: value for column, value in row.items() if value not in (None, "")}


def _contacts(rng: random.Random, company: DemoCompany, accounts: list[Row]) -> list[Row]:
    """Return people at the accounts: most of those known here, and the persons that strangers name as their contact."""
    known = {row["accountid"]: row for row in accounts}
    businesses = {row["no"]: row for row in company.tables["contact"] if row["type"] == "Company"}
    found: list[Row] = []
    for person in (row for row in company.tables["contact"] if row["type"] == "Person"):
        business = businesses[person["company_no"]]
        kind, number = ("customer", business["customer_no"]) if business["customer_no"] else (
            "vendor", business["vendor_no"]
        )  # fmt: skip
        account = known.get(identity(kind, number))
        if account is None or rng.random() < 0.3:
            continue
        contact = _contact(person["no"], person["first_name"], person["surname"], account)
        contact |= {"emailaddress1": person["e_mail"], "telephone1": person["phone_no"]}
        if rng.random() < 0.2:
            contact["lastname"] = contact["lastname"].upper()
        found.append({column: value for column, value in contact.items() if value not in (None, "")})
        account.setdefault("_primarycontactid_value", contact["contactid"])
    for account in accounts:
        person_there = account.get("address1_primarycontactname", "").split(" ", 1)
        stranger = account["customertypecode"] == CUSTOMER and "accountnumber" not in account
        if stranger and len(person_there) == 2 and "_primarycontactid_value" not in account and rng.random() < 0.4:
            first_name, surname = person_there
            found.append(_contact(account["accountid"], first_name, surname, account))
            account["_primarycontactid_value"] = found[-1]["contactid"]
    return found


def _contact(key: str, first_name: str, surname: str, account: Row) -> Row:
    return {
        "contactid": identity("contact", key),
        "firstname": first_name,
        "lastname": surname,
        "_parentcustomerid_value": account["accountid"],
        "parentcustomeridtype": "account",
        "_transactioncurrencyid_value": account.get("_transactioncurrencyid_value"),
    }


def _retype(rng: random.Random, account: Row, customer: Row) -> None:
    """Rewrite the row as somebody else would have typed it."""
    chance = rng.random()
    name = str(account["name"])
    if chance < 0.12:
        account["name"] = name.upper()
    elif chance < 0.24:
        account["name"] = name.lower()
    elif chance < 0.32:
        account["name"] = f"  {name} "
    elif chance < 0.42:
        account["name"] = _with_typo(rng, name)
    elif chance < 0.48:
        account["name"] = name.rsplit(" ", 1)[0]
    if "telephone1" in account:
        if rng.random() < 0.45:
            account["telephone1"] = _reformat_phone(rng, str(account["telephone1"]), customer["country_region_code"])
        elif rng.random() < 0.12:
            del account["telephone1"]
    if "address1_city" in account and rng.random() < 0.15:
        account["address1_city"] = str(account["address1_city"]).upper()
    if rng.random() < 0.2:
        account.pop("emailaddress1", None)
    if rng.random() < 0.1:
        account["address1_primarycontactname"] = f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.SURNAMES)}"
    if rng.random() < 0.1:
        account.pop("websiteurl", None)
    if rng.random() < 0.3:
        account.pop("accountnumber", None)


def _with_typo(rng: random.Random, text: str) -> str:
    """Return the text with two neighbours swapped, one letter lost or one struck twice."""
    place = rng.randrange(1, max(2, len(text) - 2))
    how = rng.randrange(3)
    if how == 0:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + text[place + 1 :] if how == 1 else text[:place] + text[place] + text[place:]


def _reformat_phone(rng: random.Random, phone: str, country: str) -> str:
    """Return the same number, written in another way."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    prefix = words.PLACES[country].prefix
    if prefix == "1":
        area, exchange, line = digits[:3], digits[3:6], digits[6:]
        return rng.choice((f"+1 {area} {exchange} {line}", f"1-{area}-{exchange}-{line}", f"{area}.{exchange}.{line}"))
    national = phone.removeprefix(f"+{prefix} ")
    return rng.choice(
        (f"+{digits}", f"00{digits}", f"+{prefix} (0){national}", f"+{prefix}-{national.replace(' ', '-')}")
    )
