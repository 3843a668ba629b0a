"""Builds tables, with the columns that most of them share."""

from dataclasses import replace

from sandbox.metadata.model import Column, Table
from sandbox.metadata.notation import parse_columns

_HISTORY = """
CreatedOn | dt * | Created On
ModifiedOn | dt * | Modified On
CreatedBy | l systemuser * | Created By
ModifiedBy | l systemuser * | Modified By
CreatedOnBehalfBy | l systemuser * | Created By (Delegate)
ModifiedOnBehalfBy | l systemuser * | Modified By (Delegate)
VersionNumber | big * | Version Number
ImportSequenceNumber | i + | Import Sequence Number
OverriddenCreatedOn | date + | Record Created On
"""

_OWNED = """
OwnerId | owner !! | Owner
OwningBusinessUnit | l businessunit * | Owning Business Unit
OwningUser | l systemuser * | Owning User
OwningTeam | l team * | Owning Team
"""

ACTIVE_INACTIVE = """
StateCode | state 0=Active; 1=Inactive !! | Status
StatusCode | status 1@0=Active; 2@1=Inactive | Status Reason
"""

CURRENCY = """
TransactionCurrencyId | l transactioncurrency | Currency
ExchangeRate | d10 1e-10..1e11 * | Exchange Rate
"""

_ADDRESS = """
Address{n}_Name | s{name} | {label}: Name
Address{n}_AddressTypeCode | p 1=Bill To; 2=Ship To; 3=Primary; 4=Other | {label}: Address Type
Address{n}_Line1 | s{line} | {label}: Street 1
Address{n}_Line2 | s{line} | {label}: Street 2
Address{n}_Line3 | s{line} | {label}: Street 3
Address{n}_City | s{city} | {label}: City
Address{n}_StateOrProvince | s{state} | {label}: State/Province
Address{n}_PostalCode | s{zip} | {label}: ZIP/Postal Code
Address{n}_Country | s{country} | {label}: Country/Region
Address{n}_County | s{state} | {label}: County
Address{n}_PostOfficeBox | s{zip} | {label}: Post Office Box
Address{n}_Telephone1 | phone50 | {label}: Telephone 1
Address{n}_Telephone2 | phone50 | {label}: Telephone 2
Address{n}_Telephone3 | phone50 | {label}: Telephone 3
Address{n}_Fax | s50 | {label}: Fax
Address{n}_UPSZone | s4 | {label}: UPS Zone
Address{n}_UTCOffset | i-1500..1500 | {label}: UTC Offset
Address{n}_Latitude | f5 -90..90 | {label}: Latitude
Address{n}_Longitude | f5 -180..180 | {label}: Longitude
"""

_SHIPPING = """
Address{n}_PrimaryContactName | s100 | {label}: Primary Contact Name
Address{n}_FreightTermsCode | p 1=FOB; 2=No Charge | {label}: Freight Terms
Address{n}_ShippingMethodCode | p {methods} | {label}: Shipping Method
"""

_METHODS = "1=Airborne; 2=DHL; 3=FedEx; 4=UPS; 5=Postal Mail; 6=Full Load; 7=Will Call"
_NARROW = {"name": 200, "line": 250, "city": 80, "state": 50, "zip": 20, "country": 80}
_UNIT = {"name": 100, "line": 250, "city": 80, "state": 50, "zip": 20, "country": 80}
_WIDE = {"name": 100, "line": 1024, "city": 128, "state": 128, "zip": 40, "country": 128}


def address_lines(number: int, label: str, *, kind: str = "customer") -> str:
    """Return the lines of an address of a customer, a business unit ("unit") or a user ("user")."""
    sizes = {"customer": _NARROW, "unit": _UNIT, "user": _WIDE}[kind]
    text = _ADDRESS.format(n=number, label=label, **sizes)
    if kind == "customer":
        methods = _METHODS if number == 1 else "1=Default Value"
        text += _SHIPPING.format(n=number, label=label, methods=methods)
    return text


def build_table(
    schema_name: str,
    entity_set: str,
    label: str,
    plural: str,
    text: str,
    *,
    code: int,
    primary_name: str = "name",
    ownership: str = "OrganizationOwned",
    change_tracking: bool = True,
    custom: bool = False,
    history: bool = True,
    bulk: bool = True,
) -> Table:
    """Return a table with its key, the columns that `text` describes and the shared ones."""
    name = schema_name.lower()
    key = f"{name}id"
    all_columns: dict[str, Column] = {
        key: Column(
            key,
            f"{schema_name}Id",
            "Uniqueidentifier",
            label,
            required="SystemRequired",
            for_update=False,
            primary_id=True,
        )
    }
    all_columns.update(parse_columns(text, custom=custom))
    if history:
        all_columns.update(parse_columns(_HISTORY))
    if ownership == "UserOwned":
        all_columns.update(parse_columns(_OWNED))
    all_columns[primary_name] = replace(all_columns[primary_name], primary_name=True)
    return Table(
        name=name,
        schema_name=schema_name,
        set=entity_set,
        label=label,
        plural=plural,
        primary_id=key,
        primary_name=primary_name,
        code=code,
        columns=all_columns,
        ownership=ownership,
        change_tracking=change_tracking,
        bulk=bulk,
        custom=custom,
    )
