"""Rules of the sales tables: units of a group, products and opportunities that are closed."""

from sandbox.base.errors import ServiceError, invalid_argument
from sandbox.base.values import from_json
from sandbox.data.store import Fragments, Store
from sandbox.data.writing import Writer
from sandbox.metadata.model import Table


def create_base_unit(writer: Writer, group_id: str, row: Fragments) -> None:
    """Create the base unit of a new unit group."""
    store = writer.store
    name = from_json(row["baseuomname"])
    body = {"name": name, "quantity": 1, "uomscheduleid@odata.bind": f"/uomschedules({group_id})"}
    unit_id = writer.create(store.tables["uom"], body)
    rows = store.rows["uom"]
    position = rows.index[unit_id.encode()]
    whole = {**rows.fragments(position), "isschedulebaseuom": b"true", "organizationid": row.get("organizationid", b"")}
    rows.replace(position, {name: value for name, value in whole.items() if value}, rows.versions[position])


def check_default_unit(store: Store, table: Table, position: int) -> None:
    """Raise unless a product's default unit is one of its unit group."""
    if table.name != "product":
        return
    products, units = store.rows["product"], store.rows["uom"]
    unit = units.index.get(products.fragment(position, "defaultuomid")[1:-1])
    group = products.fragment(position, "defaultuomscheduleid")
    if unit is not None and units.fragment(unit, "uomscheduleid") != group:
        raise invalid_argument("The default unit of a product must be a unit of its unit group.")


def check_closed(store: Store, table: Table, position: int, *, every: bool = False) -> None:
    """Raise for an opportunity that was won or lost: it is closed, and changes no more; `every`: so do all tables."""
    if not (table.name == "opportunity" or (every and "statecode" in table.columns)):
        return
    if store.rows[table.name].fragment(position, "statecode") not in {b"0", b""}:
        raise ServiceError(400, "0x80040230", "The object cannot be updated because it is inactive.")


def check_retired(store: Store, table: Table, position: int) -> None:
    """Raise where a product was retired that price lists still name."""
    if table.name != "product" or store.rows["product"].fragment(position, "statecode") != b"1":
        return
    row_id = store.rows["product"].ids[position].decode()
    if row_id in store.rows["productpricelevel"].column_values("productid"):
        raise ServiceError(
            400,
            "0x8004f915",
            "You can't retire this product because it belongs to active bundles or price lists. Remove it from any "
            "bundles or price lists before you retire it.",
        )
