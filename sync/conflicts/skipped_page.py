"""Page Coupled Data Synchronization Errors as data: pairs left out after failing twice in a row in the same way."""

from coupling.models import Coupling
from jobs.models import Reason
from masterdata.models import Company
from sync.conflicts.coupling_rows import CouplingCells, couplings_of, mapping_filter, not_connected
from ui import listing
from ui.kit import Action, Cell, Notice, Page, Status, Tip
from ui.links import company_url

TITLE = "Coupled Data Synchronization Errors"


def skipped_page(company: Company, *, unavailable: str, off: str) -> Page:
    """Return the page; `unavailable`: why Dataverse cannot be used; `off`: why the actions are off."""

    def act(label: str, name: str, icon: str, *, selection: bool = True) -> Action:
        return Action(label, company_url(f"sync:{name}", company), "post", icon, selection=selection, off=off)

    return Page(
        TITLE,
        company=company,
        tip=Tip(
            "Fix the cause, then retry",
            "A pair that fails twice in a row with the same error is left out of further runs. The message says "
            "what to fix; Retry synchronizes the pair again at once, and further runs include it.",
        ),
        help="synchronization#skipped",
        actions=[
            act("Retry", "retry", "run"),
            act("Retry All", "retry-all", "sync", selection=False),
            act("Delete Couplings", "delete-couplings", "uncouple"),
        ],
        notices=not_connected(unavailable),
        listing=skipped_listing(company),
    )


def skipped_listing(company: Company) -> listing.Listing:
    """Return the list of skipped pairs."""
    cells = CouplingCells(company, with_jobs=True)
    return listing.Listing(
        id="skipped-couplings",
        caption="Coupled records left out",
        rows=couplings_of(company).filter(skipped=True),
        columns=[
            listing.Column("record", "Description", cells.record),
            listing.Column("mapping", "Mapping", "mapping.name", sort="mapping__name"),
            listing.Column("exists", "Record Exists", lambda row: "Yes" if cells.exists(row) else "No"),
            listing.Column("reason", "Reason", _reason),
            listing.Column("error", "Error Message", "last_error", wrap=True),
            listing.Column("job", "Failed On", cells.last_job),
            listing.Column("integration", "Coupled To", lambda row: str(row.integration_id), default=False),
        ],
        filters=mapping_filter(company, skipped=True),
        key="id",
        selectable=True,
        row_label=cells.text,
        decorate=cells.load,
        empty=Notice("No record failed twice in a row in the same way.", "ok", "Nothing is left out"),
    )


def _reason(row: Coupling) -> Cell:
    reason = row.last_to_reason or row.last_from_reason
    return Status(str(Reason(reason).label) if reason in Reason.values else reason, "bad")
