"""Page Alerts as data: what stands now, who is told, what is over; and the page of a receiver."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from core.refusals import joined
from core.roles import ONLY_ADMINISTRATORS
from jobs.alerts import kinds, mail, services
from jobs.alerts.forms import DigestForm, ReceiverForm
from jobs.models import Alert, AlertReceiver, Digest, Way
from masterdata.models import Company
from ui.cells import text_of
from ui.kit import Action, Cell, Cue, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Alerts"
SETTINGS = "Settings of Alerts"
_MOST = 200


def cue(company: Any, count: int) -> Cue:
    """Return how many alerts stand, for the role center, which has counted them."""
    return Cue(
        f"{count:,}", "Open alerts", company_url("jobs:alerts", company), "bad" if count else "ok", "Alert",
        "Each says what happened and what to do", "See what they are",
    )  # fmt: skip


def build_page(company: Company, *, administrator: bool) -> Page:
    """Return the page; administrator: whether the person may change receivers and settings."""
    standing = services.open_alerts(company)
    receivers = list(AlertReceiver.objects.filter(company=company).select_related("company"))
    off = "" if administrator else ONLY_ADMINISTRATORS
    new = Action("New Receiver", company_url("jobs:new-alert-receiver", company), icon="add", off=off)
    settings_ = Action(SETTINGS, company_url("jobs:alert-settings", company), icon="settings", off=off)
    return Page(
        TITLE,
        company=company,
        state=Status(f"{len(standing):,} open", "bad") if standing else Status("No open alerts", "ok"),
        help="alerts.md",
        tip=Tip(
            "Told once, until it is over",
            "Each alert is told once when it begins and once when it is over, by mail or webhook. Expected pauses, "
            "such as Dataverse asking to wait, tell nobody.",
        ),
        actions=[new, settings_],
        notices=_notices(receivers, new),
        fast_tabs=[_standing(standing), _receivers(company, receivers, administrator)],
        lead="jobs/alerts/past_heading.html",
        context={"past_title": "Past alerts"},
        listing=past(company),
    )


def _notices(receivers: Sequence[AlertReceiver], new: Action) -> list[Notice]:
    found = []
    if not receivers:
        ways = () if new.off else (new,)
        found.append(
            Notice("Alerts are listed here alone until there is a receiver.", title="Nobody is told", actions=ways)
        )
    if not settings.MAIL_IS_SET_UP and any(one.way == Way.MAIL for one in receivers):
        found.append(Notice(mail.NO_SERVER, "warn"))
    failing = [one for one in receivers if one.last_at is not None and not one.last_ok]
    if failing:
        names = ", ".join(str(one) for one in failing[:3]) + (f" and {len(failing) - 3} more" * (len(failing) > 3))
        found.append(
            Notice(
                f"The last message to {names} did not arrive. Alerts are sent again for a day, with growing pauses. "
                "What each receiver answered stands below.",
                "bad", "Messages do not arrive",
            )
        )  # fmt: skip
    return found


def _standing(alerts: Sequence[Alert]) -> FastTab:
    rows: list[tuple[Cell, ...]] = [
        (Link(_name(one), one.url), one.began_at, joined(one.message, one.fix)) for one in alerts[:_MOST]
    ]
    more = f": the newest {_MOST} of {len(alerts):,}" if len(alerts) > _MOST else ""
    table = Table(
        f"Current alerts{more}", ("Alert", "Since", "What happened, and what to do"), rows, wrap=frozenset({2}),
        stack=True, empty="There are none. What comes up is listed here until it is over.",
    )  # fmt: skip
    return FastTab("current", f"Current alerts{more}", table=table, gist=f"{len(alerts):,}")


def _name(alert: Alert) -> str:
    """Return what people call an alert: "Columns changed, CUSTOMER"."""
    return ", ".join(filter(None, (kinds.label(alert.kind), alert.mapping_name)))


def _receivers(company: Company, receivers: Sequence[AlertReceiver], administrator: bool) -> FastTab:
    rows: list[tuple[Cell, ...]] = [
        (
            Link(one.shown_address, _receiver_url(one)) if administrator else one.shown_address,
            _last(one),
            gets(one),
            _answer(one),
        )
        for one in receivers
    ]
    table = Table(
        "Receivers", ("Receiver", "Last Message", "Gets", "Answer"), rows, wrap=frozenset({3}), stack=True,
        empty="There are none yet. A receiver is an e-mail address, or an address that takes webhooks.",
    )  # fmt: skip
    often = str(Digest(services.digest_of(company)).label)
    return FastTab("receivers", "Receivers", [Field("Messages", often)], table=table, gist=f"{len(receivers)}")


def gets(one: AlertReceiver) -> str:
    """Return what a receiver is told of, in few words: "3 kinds, CUSTOMER"."""
    named = [kinds.label(name) for name in one.kinds]
    some = named[0] if len(named) == 1 else f"{len(named)} kinds" if named else "Every kind"
    return f"{some}, {one.mapping_name}" if one.mapping_name else some


def _last(one: AlertReceiver) -> Cell:
    if one.last_at is None:
        return "None yet"
    return Status("Arrived", "ok") if one.last_ok else Status("Did not arrive", "bad")


def _answer(one: AlertReceiver) -> str:
    return f"{text_of(one.last_at)}: {one.last_answer}" if one.last_at is not None else ""


def settings_page(company: Company, form: DigestForm) -> Page:
    """Return the page of what a company chose for all its receivers."""
    back = company_url("jobs:alerts", company)
    return Page(
        SETTINGS,
        company=company,
        crumbs=(Link(TITLE, back),),
        help="alerts.md#receivers",
        fast_tabs=[FastTab("messages", "All receivers", [Field(form_field=form["digest"])])],
        form_url=company_url("jobs:alert-settings", company),
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", back),
    )


def past(company: Company) -> Listing:
    """Return the alerts that are over, the newest first."""
    return Listing(
        id="past-alerts",
        caption="Past alerts",
        rows=Alert.objects.filter(company=company, over_at__isnull=False).order_by("-pk"),
        columns=[
            Column("since", "Since", "began_at", sort="began_at"),
            Column("over", "Over Since", "over_at", sort="over_at"),
            Column("kind", "Kind", lambda one: kinds.label(one.kind)),
            Column("mapping", "Mapping", "mapping_name", sort="mapping_name"),
            Column("what", "What Happened", lambda one: Link(one.message, one.url), wrap=True),
        ],
        filters=[
            Filter(
                "kind", "Kind", lambda found, value: found.filter(kind=value),
                [(kind.name, kind.label) for kind in kinds.all_kinds().values()],
            )
        ],
        key="pk",
        row_label=lambda one: f"{kinds.label(one.kind)} {one.mapping_name}".strip(),
        empty=Notice("Alerts that are over are listed here.", title="No past alerts"),
    )  # fmt: skip


def _receiver_url(one: AlertReceiver) -> str:
    return company_url("jobs:alert-receiver", one.company, receiver=one.pk)


def receiver_page(company: Company, form: ReceiverForm, one: AlertReceiver | None = None) -> Page:
    """Return the page of a receiver, or that of a new one."""
    back = company_url("jobs:alerts", company)
    actions = []
    if one is not None:
        actions = [
            Action("Send Test", company_url("jobs:test-alert-receiver", company, receiver=one.pk), "post", icon="mail"),
            Action(
                "Delete",
                company_url("jobs:delete-alert-receiver", company, receiver=one.pk),
                icon="delete",
                dialog=True,
            ),
        ]
    tabs = [
        FastTab("receiver", "Receiver", [Field(form_field=form[name]) for name in ("way", "address", "secret")]),
        FastTab("told", "What it is told", [Field(form_field=form[name]) for name in ("kinds", "mapping")]),
    ]
    described = [(kind.label, kind.hint) for kind in kinds.all_kinds().values()]
    table = Table("Kinds", ("Kind", "When it begins, and when it is over"), described, wrap=frozenset({1}), stack=True)
    tabs.append(FastTab("kinds", "What the kinds are", table=table, open=False))
    if one is not None:
        tabs.append(FastTab("last", "Last message", [Field("Last Message", _last(one)), Field("Answer", _answer(one))]))
    return Page(
        str(one) if one is not None else "New Receiver",
        company=company,
        crumbs=(Link(TITLE, back),),
        help="alerts.md",
        actions=actions,
        fast_tabs=tabs,
        form_url=_receiver_url(one) if one is not None else company_url("jobs:new-alert-receiver", company),
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", back),
    )
