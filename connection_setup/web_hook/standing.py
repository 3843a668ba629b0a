"""How a company's web hook stands: a word, and a sentence about it, for pages and programs."""

from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from connection_setup.models import DataverseConnection, WebHook
from connection_setup.web_hook import services
from ui.kit import State

Word = Literal["not_registered", "registered", "refused", "outdated", "leaving"]
LABELS: dict[Word, tuple[str, State]] = {
    "not_registered": ("Not registered", ""), "registered": ("Registered", "ok"), "refused": ("Refused", "bad"),
    "outdated": ("Out of date", "warn"), "leaving": ("Being removed", "warn"),
}  # fmt: skip
NOT_AGAIN = "Disabling the connection removes it, and enabling does not register it again."
NOT_REGISTERED = f"A change in Dataverse is found when a mapping runs at its time. {NOT_AGAIN}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands. message: what that means; fix: what to do next."""

    word: Word
    message: str
    fix: str = ""
    hook: WebHook | None = None

    @property
    def wakes(self) -> bool:
        """Whether a change in Dataverse wakes mappings."""
        return self.word == "registered" and bool(settings.JOB_WAKE_S)


def standing_of(connection: DataverseConnection) -> Standing:
    """Return how the web hook of a connection's company stands; one query, and one more for its mappings."""
    kept = WebHook.objects.select_related("company").filter(company_id=connection.company_id).first()
    problem = services.address_problem(connection) if connection.environment_url else None
    if kept is None or (kept.registered_at is None and kept.leaving_since is None and not kept.problem):
        fix = problem.user_message if problem else services.SIGN_IN
        return Standing("not_registered", NOT_REGISTERED, fix, kept)
    if kept.leaving_since is not None:
        why = f" {kept.problem}" if kept.problem else ""
        return Standing("leaving", f"Its calls count for nothing; it is removed from Dataverse. {NOT_AGAIN}{why}",
                        kept.problem_fix, kept)  # fmt: skip
    if kept.problem:
        return Standing("refused", kept.problem, kept.problem_fix or services.SIGN_IN, kept)
    if services.is_outdated(kept):
        return Standing("outdated", "Dataverse calls another address than this site's, or with a key that is lost, or "
                        "not for all mappings. It is renewed within minutes.", services.SIGN_IN, kept)  # fmt: skip
    if not settings.JOB_WAKE_S:
        return Standing("registered", "It is called, and wakes nothing: JOB_WAKE_S is 0.", "", kept)
    return Standing("registered", "A change in Dataverse has its mappings run within seconds.", "", kept)
