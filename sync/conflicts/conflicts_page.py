"""Page Resolve Update Conflicts as data: pairs whose same field was changed on both sides."""

from typing import Any

from coupling.models import CouplingBase
from masterdata.models import Company
from sync.conflicts.coupling_rows import CouplingCells, mapping_filter, not_connected
from sync.conflicts.standing import conflicts_of
from ui import listing
from ui.kit import Action, Notice, Page, Tip
from ui.links import company_url

TITLE = "Resolve Update Conflicts"


def conflicts_page(company: Company, *, unavailable: str, off: str) -> Page:
    """Return the page; `unavailable`: why Dataverse cannot be used; `off`: why the actions are off."""

    def act(label: str, choice: str, icon: str) -> Action:
        url = company_url("sync:resolve", company)
        return Action(label, url, "post", icon, selection=True, off=off, values={"choice": choice})

    set_up = company_url("sync:set-up-coupling-conflicts", company)
    return Page(
        TITLE,
        company=company,
        tip=Tip(
            "Both sides changed the same field",
            "Nothing of these pairs is written until you choose. Select pairs, then say which side counts for the "
            "fields shown; edits of other fields are kept from both sides.",
        ),
        help="synchronization#conflicts",
        actions=[
            act("Send Data Update to Dataverse", "send", "import"),
            act("Get Data Update from Dataverse", "get", "export"),
            Action("Set Up Coupling", set_up, "post", "edit", selection=True, off=off),
        ],
        notices=not_connected(unavailable),
        listing=conflicts_listing(company),
    )


def conflicts_listing(company: Company) -> listing.Listing:
    """Return the list of pairs with conflicts."""
    cells = CouplingCells(company)
    return listing.Listing(
        id="update-conflicts",
        caption="Pairs changed on both sides",
        rows=conflicts_of(company),
        columns=[
            listing.Column("record", "Record", cells.record),
            listing.Column("mapping", "Mapping", "mapping.name", sort="mapping__name"),
            listing.Column("field", "Field", lambda row: _values(row, "caption"), wrap=True),
            listing.Column("ours", "Our value", lambda row: _values(row, "local_value"), wrap=True),
            listing.Column("theirs", "Value in Dataverse", lambda row: _values(row, "integration_value"), wrap=True),
            listing.Column("base", "Value before", lambda row: _values(row, "base_value", "(never synchronized)"),
                           wrap=True),
        ],
        filters=mapping_filter(company),
        key="coupling_id",
        selectable=True,
        row_label=cells.text,
        decorate=cells.load,
        empty=Notice("No pair was changed on both sides in the same field.", "ok", "No conflicts"),
    )  # fmt: skip


def _values(row: CouplingBase, name: str, missing: str = "(blank)") -> str:
    """Return one value per conflicting field, in the fields' order; `missing`: what stands for none."""
    fields: list[dict[str, Any]] = (row.conflict or {}).get("fields", [])
    values = (field.get(name) for field in fields)
    return " · ".join(missing if value is None else "(blank)" if value == "" else str(value) for value in values)
