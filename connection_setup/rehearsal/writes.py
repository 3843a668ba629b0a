"""The writes: each kind that Tandem sends, in a scratch business unit, and their removal afterwards.

A refusal that belongs to a write (a row that is there already, a version that is old) is asked for as well. Every row
has the same id each time, so what one rehearsal could not remove the next one does. LEFT_OUT says what is not sent and
why.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from connection_setup.provisioning import company_objects
from connection_setup.types import COMPANY_SET
from dataverse import bulk, odata
from dataverse.errors import AccessDenied, DataverseError
from dataverse.types import WhoAmI

UNIT_NAME = "Tandem rehearsal"
LEFT_OUT = (
    ("a currency", "a currency that was used once cannot be deleted again"),
    ("a unit and a unit group", "the application may make and not delete them"),
    (
        "a price of a price list",
        "which unit it may have is decided by the product's unit group in the environment",
    ),
    ("a choice's option", "an option stays in the column's definition"),
    ("tables, columns and the role", "an administrator's sign-in makes them, and they stay"),
    ("the web hook", "the environment would call this site from then on"),
)
"""Writes that are not rehearsed, with the reason."""


@dataclass(slots=True)
class Scene:
    """What the writes work with, and what they made."""

    client: Any
    who: WhoAmI
    unit: UUID = field(init=False)
    team: UUID = field(default_factory=uuid4)
    company: UUID | None = None
    account: UUID = field(init=False)
    contact: UUID = field(init=False)
    many: list[UUID] = field(init=False)
    product: UUID = field(init=False)
    price_list: UUID = field(init=False)
    opportunity: UUID = field(init=False)
    version: str = ""

    def __post_init__(self) -> None:
        """Give each row its id."""
        self.unit, self.account, self.contact = self.own("unit"), self.own("account"), self.own("contact")
        self.many = [self.own("first of many"), self.own("second of many")]
        self.product, self.price_list = self.own("product"), self.own("price list")
        self.opportunity = self.own("opportunity")

    def own(self, what: str) -> UUID:
        """Return the same id each time, so that a second rehearsal takes up what a first one left."""
        return uuid5(self.who.organization_id, f"tandem rehearsal {what}")


@dataclass(frozen=True, slots=True)
class Write:
    """A write: what it is called, and what sends it; its answer's JSON. Raises DataverseError."""

    name: str
    send: Callable[[Scene], Any]
    optional: bool = False
    """Whether its table may not be there."""


def _unit(scene: Scene) -> Any:
    found = scene.client.first_page(
        "businessunits", select=["name", "isdisabled"], filter=odata.eq("businessunitid", scene.unit)
    ).rows
    if found:
        if found[0].get("isdisabled"):
            scene.client.update("businessunits", scene.unit, {"isdisabled": False})
        return {"id": str(scene.unit)}
    roots = scene.client.first_page(
        "businessunits", select=["businessunitid"], filter=f"{odata.lookup('parentbusinessunitid')} eq null"
    ).rows
    body = {
        "businessunitid": str(scene.unit),
        "name": UNIT_NAME,
        **odata.bind("parentbusinessunitid", "businessunits", roots[0]["businessunitid"]),
    }
    return {"id": str(scene.client.create("businessunits", body, primary_id="businessunitid"))}


def _team(scene: Scene) -> Any:
    scene.team = company_objects.ensure_owning_team(
        scene.client, scene.who, scene.unit, UNIT_NAME, scene.own("company")
    )
    return {"id": str(scene.team)}


def _team_role(scene: Scene) -> None:
    company_objects.ensure_team_role(scene.client, scene.unit, UNIT_NAME, scene.team)


def _member(scene: Scene) -> None:
    scene.client.associate("teams", scene.team, "teammembership_association", "systemusers", scene.who.user_id)


def _company(scene: Scene) -> Any:
    scene.company = company_objects.ensure_company_row(
        scene.client, scene.who, UNIT_NAME, scene.own("company"), scene.team
    )
    return {"id": str(scene.company)}


def _owned(scene: Scene) -> dict[str, Any]:
    return dict(odata.bind("ownerid", "teams", scene.team))


def _account_body(scene: Scene, row_id: UUID, name: str) -> dict[str, Any]:
    return {"accountid": str(row_id), "name": name, "telephone1": "0", **_owned(scene)}


def _account(scene: Scene) -> Any:
    body = _account_body(scene, scene.account, "Tandem rehearsal")
    return {"id": str(scene.client.create("accounts", body, primary_id="accountid"))}


def _account_again(scene: Scene) -> None:
    scene.client.create("accounts", _account_body(scene, scene.account, "Tandem rehearsal"))


def _read_back(scene: Scene) -> Any:
    row = scene.client.get("accounts", scene.account, select=["name", "statecode", "modifiedon", "_ownerid_value"])
    scene.version = str(row["@odata.etag"])
    return row


def _change(scene: Scene) -> None:
    scene.client.update("accounts", scene.account, {"telephone1": "1"}, if_match=scene.version)


def _change_old_version(scene: Scene) -> None:
    scene.client.update("accounts", scene.account, {"telephone1": "2"}, if_match=scene.version)


def _state(scene: Scene) -> None:
    scene.client.update("accounts", scene.account, {"statecode": 1, "statuscode": 2})
    scene.client.update("accounts", scene.account, {"statecode": 0, "statuscode": 1})


def _contact(scene: Scene) -> Any:
    body = {
        "contactid": str(scene.contact),
        "lastname": "Tandem rehearsal",
        **_owned(scene),
        **odata.bind("parentcustomerid_account", "accounts", scene.account),
    }
    return {"id": str(scene.client.create("contacts", body, primary_id="contactid"))}


def _clear_lookup(scene: Scene) -> None:
    scene.client.update("contacts", scene.contact, dict(odata.bind("parentcustomerid_account", "accounts", None)))


def _missing_reference(scene: Scene) -> None:
    gone = odata.bind("parentcustomerid_account", "accounts", uuid4())
    scene.client.update("contacts", scene.contact, dict(gone))


def _outcomes(results: list[bulk.RowResult]) -> Any:
    for one in results:
        if one.error is not None:
            raise one.error
    return [{"id": str(one.id)} for one in results]


def _create_many(scene: Scene) -> Any:
    table = scene.client.table("account")
    rows = [(row_id, _account_body(scene, row_id, "Tandem rehearsal, many")) for row_id in scene.many]
    return _outcomes(bulk.create(scene.client, table, rows))


def _overwrite_many(scene: Scene) -> Any:
    table = scene.client.table("account")
    return _outcomes(bulk.overwrite(scene.client, table, [(row_id, {"telephone1": "3"}) for row_id in scene.many]))


def _update_many(scene: Scene) -> Any:
    table = scene.client.table("account")
    return _outcomes(bulk.update(scene.client, table, [(row_id, {"telephone1": "4"}, "*") for row_id in scene.many]))


def _update_many_old(scene: Scene) -> Any:
    table = scene.client.table("account")
    return _outcomes(
        bulk.update(scene.client, table, [(row_id, {"telephone1": "5"}, 'W/"1"') for row_id in scene.many])
    )


def _product(scene: Scene) -> Any:
    units = scene.client.first_page("uoms", select=["uomid", odata.lookup("uomscheduleid")]).rows
    body = {
        "productid": str(scene.product),
        "name": "Tandem rehearsal",
        "productnumber": f"TR-{scene.product.hex[:12]}",
        "quantitydecimal": 0,
        **odata.bind("defaultuomid", "uoms", units[0]["uomid"]),
        **odata.bind("defaultuomscheduleid", "uomschedules", units[0][odata.lookup("uomscheduleid")]),
    }
    return {"id": str(scene.client.create("products", body, primary_id="productid"))}


def _publish_product(scene: Scene) -> None:
    scene.client.update("products", scene.product, {"statecode": 0, "statuscode": 1})


def _price_list(scene: Scene) -> Any:
    currencies = scene.client.first_page("transactioncurrencies", select=["transactioncurrencyid"]).rows
    body = {
        "pricelevelid": str(scene.price_list),
        "name": "Tandem rehearsal",
        **odata.bind("transactioncurrencyid", "transactioncurrencies", currencies[0]["transactioncurrencyid"]),
    }
    return {"id": str(scene.client.create("pricelevels", body, primary_id="pricelevelid"))}


def _opportunity(scene: Scene) -> Any:
    body = {"opportunityid": str(scene.opportunity), "name": "Tandem rehearsal", **_owned(scene)}
    return {"id": str(scene.client.create("opportunities", body, primary_id="opportunityid"))}


WRITES: tuple[Write, ...] = (
    Write("Make a business unit", _unit),
    Write("Make its owning team", _team),
    Write("Give the team its role", _team_role),
    Write("Add a user to the team", _member),
    Write("Make the company's row", _company),
    Write("Create an account with an id of our own", _account),
    Write("Create it again: refused, it is there", _account_again),
    Write("Read it back", _read_back),
    Write("Change it at the version that was read", _change),
    Write("Change it at an old version: refused", _change_old_version),
    Write("Deactivate it and activate it again", _state),
    Write("Create a contact that refers to it", _contact),
    Write("Refer to a row that is not there: refused", _missing_reference),
    Write("Clear a lookup", _clear_lookup),
    Write("Create several rows at once", _create_many),
    Write("Overwrite several rows at once", _overwrite_many),
    Write("Change several rows in a batch", _update_many),
    Write("Change several rows at an old version: refused", _update_many_old),
    Write("Create a product", _product, optional=True),
    Write("Publish the product", _publish_product, optional=True),
    Write("Create a price list", _price_list, optional=True),
    Write("Create an opportunity", _opportunity, optional=True),
)


def clean_up(scene: Scene) -> Iterator[str]:
    """Remove what was made, the last first; yield what stays, with the reason. An error does not stop it."""
    yield from remove_rows(scene)
    if _delete(scene, "teams", scene.team):
        yield f"The team {company_objects.team_name(UNIT_NAME)} stays, since the application may not delete teams."
    # A unit is deleted once it is disabled.
    problem = _try(lambda: scene.client.update("businessunits", scene.unit, {"isdisabled": True}))
    if not problem and _delete(scene, "businessunits", scene.unit):
        yield (
            f"The business unit {UNIT_NAME} stays, and the next rehearsal takes it up again. Disable and delete it in "
            "the Power Platform admin center after the last one."
        )
    elif problem:
        yield f"The business unit {UNIT_NAME} stays: {problem}"


def remove_rows(scene: Scene) -> list[str]:
    """Remove the rows, the last first; return which stay, with the reason."""
    left: list[str] = []
    made: list[tuple[str, UUID | None]] = [
        ("opportunities", scene.opportunity),
        ("pricelevels", scene.price_list),
        ("products", scene.product),
        ("contacts", scene.contact),
        *(("accounts", row_id) for row_id in (*scene.many, scene.account)),
        (COMPANY_SET, scene.company),
    ]
    for entity_set, row_id in made:
        if row_id is not None and (problem := _delete(scene, entity_set, row_id)):
            left.append(f"{entity_set} {row_id}: {problem}")
    return left


def _delete(scene: Scene, entity_set: str, row_id: UUID) -> str:
    """Delete a row where it is there; return why it stays, "" where it does not."""

    def delete() -> None:
        rows = scene.client.first_page(entity_set, select=["createdon"], filter=odata.eq(_key(entity_set), row_id)).rows
        if rows:
            scene.client.delete(entity_set, row_id)

    return _try(delete, gone_is_done=True)


def _key(entity_set: str) -> str:
    special = {"opportunities": "opportunityid", COMPANY_SET: "tandem_companyid"}
    return special.get(entity_set, f"{entity_set.removesuffix('s')}id")


def _try(send: Callable[[], Any], *, gone_is_done: bool = False) -> str:
    """Return why something could not be done, "" where it was. gone_is_done: no such row, or table, is done too."""
    try:
        send()
    except AccessDenied:
        return "the application may not."
    except DataverseError as error:
        return "" if gone_is_done and error.status == 404 else error.user_message
    return ""
