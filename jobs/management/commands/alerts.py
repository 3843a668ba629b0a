"""manage.py alerts list|test --company NAME: what stands, who is told, and whether messages arrive."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from jobs.alerts import kinds, letters, services, texts
from jobs.models import Alert, AlertReceiver
from masterdata.commands import CompanyCommand
from ui.cells import text_of

PAST = 100
"""Alerts that are over, the newest of which are listed."""


class Command(CompanyCommand):
    """List a company's alerts and who is told of them, or send each receiver a test."""

    help = "List a company's alerts and who is told of them, or send each receiver a test."

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do."""
        parser.add_argument("action", choices=["list", "test"])

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what the person needs: looking is for everybody who reads the company, sending is not."""
        return Can.READ if options["action"] == "list" else Can.ADMINISTER

    def run(self, options: dict[str, Any]) -> None:
        """Do it."""
        receivers = list(AlertReceiver.objects.filter(company=self.company).select_related("company"))
        if options["action"] == "test":
            self._test(receivers)
        else:
            self._list(receivers)

    def _list(self, receivers: list[AlertReceiver]) -> None:
        over = Alert.objects.filter(company=self.company, over_at__isnull=False).order_by("-pk")[:PAST]
        alerts = [*services.open_alerts(self.company), *over]
        if self.as_json:
            self.print_json(
                {
                    "alerts": [texts.alert_json(letters.told(one, over=True)) for one in alerts],
                    "receivers": [_receiver_json(one) for one in receivers],
                    "messages": services.digest_of(self.company),
                }
            )
            return
        for one in alerts:
            until = f", over since {text_of(one.over_at)}" if one.over_at else ""
            about = f" {one.mapping_name}" if one.mapping_name else ""
            self.print_text(f"{kinds.label(one.kind)}{about}, since {text_of(one.began_at)}{until}: {one.message}")
        if not alerts:
            self.print_text("Nothing stands, and nothing stood before.")
        for receiver in receivers:
            what = ", ".join(map(kinds.label, receiver.kinds)) or "every kind"
            self.print_text(f"{receiver} gets {what} of {receiver.mapping_name or 'the whole company'}.")
        if not receivers:
            self.print_text("Nobody is told. Add receivers on the page Alerts.")

    def _test(self, receivers: list[AlertReceiver]) -> None:
        if not receivers:
            self.refuse(
                "no_receivers", f"{self.company} has no receivers of alerts, so no test was sent.",
                "Add one on the page Alerts.",
            )  # fmt: skip
        tested = [(one, services.send_test(receiver=one)) for one in receivers]
        if self.as_json:
            self.print_json(
                {
                    "tested": [
                        {"way": one.way, "address": one.shown_address, "ok": sent.ok, "answer": sent.answer}
                        for one, sent in tested
                    ]
                }
            )
        for one, sent in tested:
            self.print_text(f"{one}: {'sent' if sent.ok else 'not sent'}. {sent.answer}")
        if not all(sent.ok for _, sent in tested):
            raise SystemExit(1)


def _receiver_json(one: AlertReceiver) -> dict[str, Any]:
    last = {"at": one.last_at, "ok": one.last_ok, "answer": one.last_answer} if one.last_at else None
    return {
        "way": one.way, "address": one.shown_address, "kinds": one.kinds, "mapping": one.mapping_name or None,
        "last": last,
    }  # fmt: skip
