"""The guide's title and its addresses."""

from django.http import HttpRequest

from connection_setup.models import AssistedSetup
from core.roles import Can, may
from masterdata.models import Company
from ui.links import company_url

TITLE = "Set up a connection to Microsoft Dataverse"


def step_url(company: Company, step: str = "") -> str:
    """Return the address of a step; without one, of the guide, which redirects to the first unfinished step."""
    if step:
        return company_url("connection_setup:guide-step", company, step=step)
    return company_url("connection_setup:guide", company)


def return_url(request: HttpRequest, company: Company) -> str:
    """Return where a page that the guide leads to goes back to: the unfinished guide, else the setup page."""
    unfinished = AssistedSetup.objects.filter(company=company, completed_at=None)
    if may(request.user, Can.ADMINISTER, company) and unfinished.exists():
        return step_url(company)
    return company_url("connection_setup:setup", company)
