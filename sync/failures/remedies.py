"""What is said once for all failed records of a reason: why they failed, and what helps."""

from coupling.brakes import CHANGE_THEM
from jobs.models import Reason

_REMEDIES = {
    Reason.ALREADY_COUPLED: (
        "One row matches, but another record has it. Two records here for one company? Merge them, or couple this one "
        "by hand to another row."
    ),
    Reason.MULTIPLE_MATCHES: (
        "Several rows have the same value, so none was chosen. Choose one below, add a field that tells them apart, or "
        "merge the duplicates in Dataverse."
    ),
    Reason.REFERENCE_NOT_COUPLED: (
        "A record that they refer to is not coupled, or whoever is to own the row is gone or disabled in Dataverse. "
        "Couple that record, or choose another owner: couple the salesperson with another user. Then choose Retry "
        "Selected."
    ),
    Reason.DENIED: (
        "Dataverse does not let the application, or whoever is to own the row, do it, or a firewall or access control "
        "of the environment does not let the site in. Each line says which and who can help; then choose Retry "
        "Selected."
    ),
    Reason.DUPLICATE: "Dataverse has such a row already. Couple with it by hand.",
    Reason.BRAKE: f"A brake stopped all of them, as they were more than its limit. {CHANGE_THEM}",
    Reason.CHANGED_SINCE_PREVIEW: (
        "One of the two sides changed after the preview in which they were ticked. Preview them again to see what "
        "matches now."
    ),
}
_OTHERS = "Each line says what happened. Correct it here or there, then choose Retry Selected."


def remedy(reason: str, count: str, nearly: int) -> str:
    """Return why records failed for a reason, and what to do. count: of how many; nearly: of them, with a row nearly
    alike.
    """
    if reason == Reason.NO_MATCH:
        return f"No row has the same value at any priority. {_of_nearly(count, nearly)}"
    return _REMEDIES.get(Reason(reason), _OTHERS) if reason in Reason.values else _OTHERS


def _of_nearly(count: str, nearly: int) -> str:
    rest = "are best created there, or matched on other fields."
    if not nearly:
        return f"They {rest}"
    have = "1 has" if nearly == 1 else f"{nearly:,} have"
    these = "it" if nearly == 1 else "these"
    first = f"{have} a row that is nearly alike: check {these} first."
    return first if count == f"{nearly:,}" else f"{first} The others {rest}"
