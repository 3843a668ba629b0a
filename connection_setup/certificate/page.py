"""The page Use Certificate Authentication: make or take a certificate, register it, change to it."""

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts import access
from connection_setup.certificate import services as certificate
from connection_setup.companies import page as companies
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import certificates, credentials
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Use Certificate Authentication"


class OfferForm(forms.Form):
    """A certificate to change to: made here unless a file is chosen."""

    certificate_file = forms.FileField(
        label="Certificate",
        required=False,
        help_text="Leave this empty to have a key and a certificate made here, or choose a PEM file that holds both.",
        widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.key"}),
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=60,
        required=False,
        help_text="Leave this empty to keep the application. Another one gets a user of its own in Dataverse.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_client_id(self) -> str:
        """A GUID."""
        value: str = self.cleaned_data["client_id"]
        try:
            return str(uuid.UUID(value)) if value else ""
        except ValueError:
            raise forms.ValidationError("The Client ID is a GUID: the Application (client) ID.") from None


def page(
    request: HttpRequest,
    connection: DataverseConnection,
    form: OfferForm | None = None,
) -> Page:
    """The page: before a certificate waits, and while one does; below, the companies in which to repeat it."""
    company = connection.company
    repeat = companies.certificates_tab(company, access.companies(request))
    also = (repeat,) if repeat else ()
    common: dict[str, Any] = {
        "title": TITLE,
        "company": company,
        "crumbs": (Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        "state": _state(connection),
    }
    blocked = certificate.blocked_reason(connection)
    if blocked is not None:
        return Page(
            **common,
            help="connection#certificate",
            notices=(Notice(blocked.user_message, "warn", title="Nothing is upgraded."),),
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
                Action(
                    "Throw Away", company_url("connection_setup:certificate-withdraw", company), "post", icon="delete"
                ),
            ),
            fast_tabs=(_waiting_tab(connection), _register_tab(connection), *also),
            form_url=company_url("connection_setup:certificate-switch", company),
            submit=Action("Verify and Switch", icon="check", primary=True),
            cancel=Link("Later", company_url("connection_setup:setup", company)),
        )
    form = form or OfferForm()
    return Page(
        **common,
        help="connection#certificate",
        tip=Tip(
            "Without a gap",
            "The certificate waits beside what is in use. The connection changes to it only once a sign-in with it "
            "works; until then nothing changes.",
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
    until = f", good until {expires.on:%-d %B %Y}" if expires else ""
    return Status(f"In use: a certificate already{until}", "ok")


def _waiting_tab(connection: DataverseConnection) -> FastTab:
    made = certificates.describe(connection.next_certificate)
    return FastTab(
        "waiting",
        "Certificate that waits",
        (
            Field("Subject", made.subject),
            Field("Thumbprint", made.thumbprint, copy=True),
            Field("Expires", f"{made.expires_at:%-d %B %Y}"),
            Field("Client ID", connection.next_client_id or connection.client_id, copy=True),
        ),
        gist=made.thumbprint,
    )


def _register_tab(connection: DataverseConnection) -> FastTab:
    rows = (
        ("1", "Choose Download Certificate. The file holds the certificate alone; its private key stays here, sealed."),
        ("2", f"In the Azure Portal, open App registrations and the application with the Client ID "
              f"{connection.next_client_id or connection.client_id}."),
        ("3", "Under Manage, choose Certificates & secrets, then the tab Certificates, then Upload certificate, and "
              "choose the file."),
        ("4", "Compare the thumbprint shown there with the one above."),
        ("5", "Choose Verify and Switch. If Microsoft does not know the certificate yet, wait a minute and repeat."),
    )  # fmt: skip
    return FastTab("register", "Register it", table=Table("How to register it", ("Step", "What to do"), rows,
                                                          wrap=frozenset({1})))  # fmt: skip
