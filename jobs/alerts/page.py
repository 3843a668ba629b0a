"""Page Alerts as data: what stands now, who is told, what is over; and the page of a receiver."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from core.refusals import joined
from jobs.alerts import kinds, mail, services
from jobs.alerts.forms import DigestForm, ReceiverForm
from jobs.models import Alert, AlertReceiver, Digest, Way
from masterdata.models import Company
from ui.cells import text_of
from ui.kit import Action, Cell, Cue, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url
from ui.listing import Column, Filter, Listing

TITLE = "Alerts"
ONLY_ADMINISTRATORS = "Only an Administrator may do this."
_MOST = 200


def cue(company: Any, count: int) -> Cue:
    """Return how many alerts stand, for the role center, which has counted them."""
    return Cue(f"{count:,}", "Open alerts", company_url("jobs:alerts", company), "bad" if count else "ok")


def build_page(company: Company, *, administrator: bool, form: DigestForm | None = None) -> Page:
    """Return the page; administrator: whether the person may change receivers and settings."""
    standing = services.open_alerts(company)
    receivers = list(AlertReceiver.objects.filter(company=company))
    off = "" if administrator else ONLY_ADMINISTRATORS
    new = Action("New Receiver", company_url("jobs:new-alert-receiver", company), icon="add", off=off)
    return Page(
        TITLE,
        company=company,
        state=Status(f"{len(standing):,} open", "bad") if standing else Status("Nothing stands", "ok"),
        help="alerts.md",
        tip=Tip(
            "Told once, until it is over",
            "Each alert is told once when it begins and once when it is over, by mail or webhook. Expected pauses, "
            "such as Dataverse asking to wait, tell nobody.",
        ),
        actions=[new],
        notices=_notices(receivers, new),
        fast_tabs=[_standing(standing), _receivers(receivers, administrator), _settings(company, off, form)],
        form_url=company_url("jobs:alert-settings", company) if administrator else "",
        submit=Action("Save", icon="save") if administrator else None,
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
        (one.began_at, Status(kinds.label(one.kind), "bad"), one.mapping_name, _what(one), Link("Open", one.url))
        for one in alerts[:_MOST]
    ]
    more = f" The newest {_MOST} of {len(alerts):,}." if len(alerts) > _MOST else ""
    table = Table(
        f"Current alerts.{more}" if more else "Current alerts",
        ("Since", "Kind", "Mapping", "What happened, and what to do", "Settle"), rows, wrap=frozenset({3}), stack=True,
        empty="Nothing stands now. What comes up is listed here until it is over.",
    )  # fmt: skip
    return FastTab("current", "Current alerts", table=table, gist=f"{len(alerts):,}")


def _what(alert: Alert) -> str:
    return joined(alert.message, alert.fix)


def _receivers(receivers: Sequence[AlertReceiver], administrator: bool) -> FastTab:
    known = kinds.all_kinds()
    rows: list[tuple[Cell, ...]] = [
        (
            Link(one.shown_address, _receiver_url(one)) if administrator else one.shown_address,
            str(Way(one.way).label),
            ", ".join(kinds.label(name) for name in one.kinds) or "Every kind",
            one.mapping_name or "The whole company",
            _last(one),
        )
        for one in receivers
    ]
    table = Table(
        "Receivers", ("Receiver", "Reached By", "Kinds", "Mapping", "Last Message"), rows,
        wrap=frozenset({2, 4}), stack=True,
        empty="There is none yet. A receiver is an e-mail address, or an address that takes webhooks.",
    )  # fmt: skip
    described = ", ".join(kind.label.lower() for kind in known.values())
    return FastTab("receivers", "Receivers", table=table, gist=f"{len(receivers)}, of {described}")


def _last(one: AlertReceiver) -> Cell:
    if one.last_at is None:
        return "None yet"
    return Status(f"{text_of(one.last_at)}. {one.last_answer}", "ok" if one.last_ok else "bad")


def _settings(company: Company, off: str, form: DigestForm | None) -> FastTab:
    digest = services.digest_of(company)
    bound = (form or DigestForm(initial={"digest": digest}))["digest"]
    field = Field("Messages", str(Digest(digest).label)) if off else Field(form_field=bound)
    return FastTab("settings", "Settings", [field], gist=str(Digest(digest).label).lower())


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
    said = _last(one) if one is not None else None
    tabs = [
        FastTab("receiver", "Receiver", [Field(form_field=form[name]) for name in ("way", "address", "secret")]),
        FastTab("told", "What it is told", [Field(form_field=form[name]) for name in ("kinds", "mapping")]),
    ]
    if one is not None:
        tabs.append(FastTab("last", "Last message", [Field("What came of it", said)]))
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
