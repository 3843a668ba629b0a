"""manage.py retention show|set|run: how long jobs are kept, and removing what is older."""

import argparse
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from core.commands import TandemCommand
from core.roles import Can
from jobs.models import RetentionPolicy, State
from jobs.retention import reading, services, sign_ins
from jobs.running.waiting import run_to_end
from jobs.services import summary
from masterdata.commands import company_named
from masterdata.models import Company
from masterdata.visible_companies import companies_for

ANY = "any"
_NUMBERS = ("days", "idle_days", "most", "history_days")


def _number(text: str) -> int | None:
    if text == ANY:
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor {ANY}.")
    return int(text)


class Command(TandemCommand):
    """Say or choose how long companies keep jobs, or remove what is older, of one company or all."""

    help = "Say or choose how long companies keep jobs, or remove what is older, of one company or all."

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, for whom, and the numbers."""
        parser.add_argument("action", choices=["show", "set", "run"])
        parser.add_argument("--company", metavar="NAME", help="Of this company; without it of all of them.")
        parser.add_argument("--preview", action="store_true", help="run: say what would be removed, remove nothing.")
        for option, name, what in (
            ("--days", "days", "days jobs are kept"),
            ("--idle-days", "idle_days", "days of runs without changes"),
            ("--jobs", "most", "most jobs of a company"),
            ("--history-days", "history_days", f"days the Synchronization History is kept; {ANY}: as its jobs"),
        ):
            help_text = f"set: {what}, or {ANY}."
            parser.add_argument(option, dest=name, type=_number, default=argparse.SUPPRESS, help=help_text)

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Find the company, where one is named, then do the work where the person may do it."""
        named = options["company"]
        company = company_named(named, self.acting) if named else None
        can = Can.READ if options["action"] == "show" and company else Can.ADMINISTER if company else Can.ADMINISTER_ALL
        self.authorize(can, company)
        companies = [company] if company else list(companies_for(self.acting).order_by("pk"))
        given = {name: options[name] for name in _NUMBERS if name in options}
        if given and options["action"] != "set":
            self.usage_error("Numbers go with set: manage.py retention set --company NAME --days 365.")
        if options["preview"] and options["action"] != "run":
            self.usage_error("--preview goes with run.")
        match options["action"]:
            case "show":
                self._print({"policies": [_policy_json(reading.stored_policy(one)) for one in companies]})
            case "set":
                self._set(companies, given)
            case _:
                self._run(companies, preview=options["preview"], sign_in_records=company is None)

    def _set(self, companies: list[Company], given: dict[str, int | None]) -> None:
        if not given:
            self.usage_error("Say what to keep: --days, --idle-days, --jobs or --history-days.")
        changed = []
        for company in companies:
            stored = reading.stored_policy(company)
            values = {name: given.get(name, getattr(stored, name)) for name in _NUMBERS}
            changed.append(services.set_policy(company=company, user=self.acting, **values))
        self._print({"policies": [_policy_json(one) for one in changed]})

    def _run(self, companies: list[Company], *, preview: bool, sign_in_records: bool) -> None:
        """Remove what is old, or say what would be; sign_in_records: those of the installation too."""
        found, failed = [], False
        for company in companies:
            would = services.preview(company=company)
            told: dict[str, Any] = {"company": company.name, **would.to_json()}
            text = would.text
            if not preview:
                job = run_to_end(services.start(company=company, user=self.acting))
                failed = failed or job.state != State.FINISHED
                told |= {"job": summary(job), "jobs": int(job.counters.get("deleted", 0))}
                text = job.message
            found.append(told)
            self.print_text(f"{company}: {text}")
        document: dict[str, Any] = {"state": "preview" if preview else "finished", "companies": found}
        if sign_in_records:
            now = timezone.now()
            gone = sign_ins.old(now) if preview else sign_ins.remove(now)
            document |= gone
            verb = "would be removed" if preview else "removed"
            self.print_text(f"Sessions {verb}: {gone['sessions']:,}; sign-in records: {gone['sign_ins']:,}.")
        if self.as_json:
            self.print_json(document | ({"state": "failed"} if failed else {}))
        if failed:
            raise SystemExit(1)

    def _print(self, document: dict[str, Any]) -> None:
        if self.as_json:
            self.print_json(document)
        for one in document["policies"]:
            numbers = [ANY if one[name] is None else f"{one[name]:,}" for name in ("days", "idle_days", "jobs")]
            self.print_text(
                f"{one['company']}: jobs {numbers[0]} days, runs without changes {numbers[1]} days, at most "
                f"{numbers[2]} jobs; the history {_history(one['history_days'])}."
            )


def _history(days: int | None) -> str:
    return "as long as its jobs" if days is None else f"{days:,} days"


def _policy_json(policy: RetentionPolicy) -> dict[str, Any]:
    return {
        "company": policy.company.name, "days": policy.days, "idle_days": policy.idle_days, "jobs": policy.most,
        "history_days": policy.history_days, "next_run": policy.next_at,
    }  # fmt: skip
