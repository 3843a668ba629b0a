"""Page Replace Client Secret: a new secret beside the one in use, taken only once a sign-in with it works."""

from connection_setup import captions
from connection_setup.client_secret import services as client_secret
from connection_setup.client_secret.forms import SecretForm
from connection_setup.models import DataverseConnection
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Tip
from ui.links import company_url

TITLE = "Replace Client Secret"


def build_page(connection: DataverseConnection, form: SecretForm | None = None) -> Page:
    """Return the page: the form, or why there is nothing to replace."""
    company, blocked = connection.company, client_secret.blocked_reason(connection)
    form = form or SecretForm(connection=connection)
    fields = () if blocked else tuple(Field(form_field=form[name]) for name in form.fields)
    setup = company_url("connection_setup:setup", company)
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, setup),),
        help="connection#secret",
        tip=Tip(
            "Without downtime",
            "A registration may have two secrets. Create the new one there, enter it here, and delete the old one once "
            "this page says that the new one is in use.",
        ),
        notices=(Notice(blocked.user_message, "warn", title="There is nothing to replace."),) if blocked else (),
        fast_tabs=(FastTab("secret", "New client secret", fields),) if fields else (),
        form_url=company_url("connection_setup:secret", company) if fields else "",
        submit=Action("Verify and Replace", icon="check", primary=True) if fields else None,
        cancel=Link("Cancel", setup) if fields else None,
    )
