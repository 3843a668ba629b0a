"""The question which way selected records are synchronized, and what the answers mean."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django import forms
from django.http import HttpRequest, HttpResponse

from core.vocabulary import ConflictOption, Direction
from masterdata.models import Company
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Notice, Page

TITLE = "Synchronize Now"
WAYS = {
    "merge": (Direction.BIDIRECTIONAL, ConflictOption.ASK),
    "to": (Direction.TO, ConflictOption.SEND),
    "from": (Direction.FROM, ConflictOption.GET),
}
"""What a person chooses -> the job's direction, and the side that wins."""


class _DirectionForm(forms.Form):
    """Asks which way selected records are synchronized; carries the selection along."""

    way = forms.ChoiceField(
        label="Direction",
        widget=forms.RadioSelect,
        initial="merge",
        choices=[
            (
                "merge",
                "Merge data. Changes of both sides are kept; what both changed goes by Resolve Update Conflicts, or "
                "waits for you.",
            ),
            ("to", "Send data update to Dataverse. Our values win wherever the two sides differ."),
            ("from", "Get data update from Dataverse. Its values win wherever the two sides differ."),
        ],
    )
    selection = forms.CharField(widget=forms.HiddenInput)


def ask_direction(
    request: HttpRequest,
    company: Company,
    what: str,
    selected: listing.Selection,
    back: Link,
    carried: Mapping[str, str] = MappingProxyType({}),
    *,
    initial: str = "merge",
    notices: Sequence[Notice] = (),
    tabs: Sequence[FastTab] = (),
) -> HttpResponse:
    """Ask, at the address of the request, which comes back with the answer as `way`.

    what: what is synchronized: "3 records of CUSTOMER"; back: the list it was selected on; carried: what else comes
    back with the answer; initial: the answer that is chosen already; notices, tabs: what helps to answer.
    """
    form = _DirectionForm(initial={"way": initial, "selection": selected.token, **carried})
    for name in carried:
        form.fields[name] = forms.CharField(widget=forms.HiddenInput)
    return render.page(
        request,
        Page(
            TITLE,
            company=company,
            crumbs=(back,),
            help="synchronization#now",
            form_url=request.path,
            notices=notices,
            fast_tabs=[FastTab("way", what, [Field(form_field=one) for one in form]), *tabs],
            submit=Action("Synchronize", icon="sync"),
            cancel=Link("Cancel", back.url),
        ),
    )
