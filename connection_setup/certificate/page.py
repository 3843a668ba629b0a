"""Page Use Certificate Authentication: make or upload a certificate, register it, change to it."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from connection_setup import captions
from connection_setup.certificate import services as certificate
from connection_setup.certificate.forms import CertificateForm
from connection_setup.companies import page as companies
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import certificates, credentials
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Use Certificate Authentication"


def build_page(
    connection: DataverseConnection, visible: Sequence[Company], form: CertificateForm | None = None
) -> Page:
    """Return the page: the form, or the pending certificate; below, the other companies in which to repeat it.

    visible: the companies that the person sees.
    """
    company = connection.company
    repeat = companies.build_certificates_tab(company, visible)
    also = (repeat,) if repeat else ()
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        "state": _state(connection),
    }
    blocked = certificate.blocked_reason(connection)
    if blocked is not None:
        return Page(
            **common,
            help="connection#certificate",
            notices=(Notice(blocked.user_message, "warn", title="There is nothing to upgrade."),),
            fast_tabs=also,
        )
    if connection.next_certificate:
        return Page(
            **common,
            help="connection#certificate",
            actions=(
                Action(
                    "Download Certificate", company_url("connection_setup:certificate-file", company), icon="export"
                ),
                Action("Discard", company_url("connection_setup:certificate-withdraw", company), "post", icon="delete"),
            ),
            fast_tabs=(_pending_tab(connection), _register_tab(connection), *also),
            form_url=company_url("connection_setup:certificate-switch", company),
            submit=Action("Verify and Switch", icon="check", primary=True),
            cancel=Link("Later", company_url("connection_setup:setup", company)),
        )
    form = form or CertificateForm()
    return Page(
        **common,
        help="connection#certificate",
        tip=Tip(
            "Without downtime",
            "The new certificate does not replace anything yet. The connection changes to it only once a sign-in with "
            "it works.",
        ),
        fast_tabs=(FastTab("offer", "Certificate", tuple(Field(form_field=one) for one in form)), *also),
        form_url=company_url("connection_setup:certificate-offer", company),
        form_enctype="multipart/form-data",
        submit=Action("Make a Certificate", icon="shield", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:setup", company)),
    )


def _state(connection: DataverseConnection) -> Status:
    if connection.authentication_type != AuthenticationType.CERTIFICATE:
        return Status(f"In use: {connection.get_authentication_type_display()}", "warn")
    expires = credentials.expiry(connection, timezone.localdate())
    until = f", valid until {expires.on:%-d %B %Y}" if expires else ""
    return Status(f"In use: a certificate already{until}", "ok")


def _pending_tab(connection: DataverseConnection) -> FastTab:
    made = certificates.describe(connection.next_certificate)
    return FastTab(
        "waiting",
        "Pending Certificate",
        (
            Field("Subject", made.subject),
            Field("Thumbprint", made.thumbprint, copy=True),
            Field("Expires", f"{made.expires_at:%-d %B %Y}"),
            Field("Client ID", connection.next_client_id or connection.client_id, copy=True),
        ),
        gist=made.thumbprint,
    )


def _register_tab(connection: DataverseConnection) -> FastTab:
    client_id = connection.next_client_id or connection.client_id
    steps = (
        "Choose Download Certificate. The file holds the certificate alone; its private key stays here, encrypted.",
        f"In the Azure Portal, open App registrations and the application with the Client ID {client_id}.",
        "Under Manage, choose Certificates & secrets, then the tab Certificates, then Upload certificate, and choose "
        "the file.",
        "Compare the thumbprint shown there with the one above.",
        "Choose Verify and Switch. If Microsoft does not know the certificate yet, wait a minute and try again.",
    )
    rows = [(str(number), text) for number, text in enumerate(steps, 1)]
    table = Table("How to register it", ("Step", "What to do"), rows, wrap=frozenset({1}))
    return FastTab("register", "Register It", table=table)
