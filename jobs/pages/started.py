"""Where a page leads that has started a job."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from jobs.models import Job
from jobs.pages import lists as listings
from masterdata.models import Company

ALREADY_WAITING = "This job was waiting already, with the same settings and records. Nothing was queued a second time."


def redirect_to_job(request: HttpRequest, company: Company, job: Job) -> HttpResponse:
    """Redirect to the card of a job that was asked for, and say so where it was waiting already."""
    if job.already_waiting:
        messages.info(request, ALREADY_WAITING)
    return HttpResponseRedirect(listings.job_url(job, company))
