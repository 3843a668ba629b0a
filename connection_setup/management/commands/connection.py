"""`manage.py connection test|enable|disable|status|rehearse`."""

from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from connection_setup.checks import services as checks_services
from connection_setup.connection import state
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import services as enabling_services
from connection_setup.management.settings_command import SettingsCommand
from connection_setup.models import DataverseConnection
from connection_setup.provisioning.steps import StepReport
from connection_setup.rehearsal import services as rehearsal
from connection_setup.secrets import credentials
from connection_setup.types import Check, Report
from core.roles import Can
from dataverse.errors import DataverseError

MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
LINE_MARKS = {rehearsal.SAME: "ok     ", rehearsal.DIFFERENT: "differs", rehearsal.REFUSED: "REFUSED"}
STEP_MARKS = {
    "done": "done   ",
    "attention": "warning",
    "skipped": "-      ",
    "waiting": "ERROR  ",
    "failed": "ERROR  ",
}


class Command(SettingsCommand):
    """Test, enable, disable or rehearse a company's connection to Dataverse, or show its status."""

    help = "Test, enable, disable or rehearse a company's connection to Dataverse, or show its status."
    actions: ClassVar = ("test", "enable", "disable", "status", "rehearse")

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to administer."""
        return Can.READ if options["action"] == "status" else Can.ADMINISTER

    def arguments(self, parser: CommandParser) -> None:
        """Add the action, and settings to use instead of the stored ones."""
        parser.add_argument("action", choices=self.actions)
        self.add_settings(parser)
        parser.add_argument(
            "--write", action="store_true", help="rehearse: send every write too, in a scratch business unit."
        )
        parser.add_argument("--out", metavar="FILE", help="rehearse: the file that the report is written to.")

    def run(self, options: dict[str, Any]) -> None:
        """Carry out the action."""
        values, secret = self.settings(options)
        if options["action"] != "rehearse" and (options["write"] or options["out"]):
            self.usage_error(f"`connection {options['action']}` takes neither --write nor --out.")
        if values is not None and options["action"] in {"disable", "status", "rehearse"}:
            self.usage_error(f"`connection {options['action']}` takes no settings.")
        self._to_write, self._out = bool(options["write"]), str(options["out"] or "")
        try:
            getattr(self, f"_{options['action']}")(values, secret)
        except DataverseError as error:
            self.refuse_for(error)

    def _test(self, values: dict[str, Any] | None, secret: str) -> None:
        if values is None:
            report = checks_services.test_connection(connection=state.connection_of(self.company))
        else:
            report = checks_services.test_settings(company=self.company, values=values, secret=secret)
        if self.as_json:
            self.print_json(report.document())
        else:
            self._print_checks(report)
        if not report.ok:
            raise SystemExit(1)

    def _enable(self, values: dict[str, Any] | None, secret: str) -> None:
        report = enabling_services.enable(
            company=self.company, user=self.acting, values=values, secret=secret, on_step=self._report_step
        )
        if report.failed:
            failed: Check = report.failed
            self.refuse(
                failed.reason or "configuration",
                f"The connection is not enabled. {failed.message}",
                failed.fix,
            )
        connection = state.connection_of(self.company)
        if self.as_json:
            self.print_json({**_status_document(connection), **report.document()})
            return
        self._print_checks(report)
        self.print_text(f"The connection of {self.company} to {connection.organization_name} is enabled.")

    def _report_step(self, report: StepReport) -> None:
        """Print a step when it ends; on stderr, since stdout is for the answer."""
        self.stderr.write(f"{STEP_MARKS[report.state]}  {report.caption}: {report.user_message}", self.style.NOTICE)

    def _disable(self, _values: None, _secret: str) -> None:
        connection = enabling_services.disable(company=self.company, user=self.acting)
        if self.as_json:
            self.print_json(_status_document(connection))
        self.print_text(f"The connection of {self.company} is disabled. Settings, mappings and couplings are kept.")

    def _rehearse(self, _values: None, _secret: str) -> None:
        made = rehearsal.rehearse(state.connection_of(self.company), write=self._to_write, on_line=self._report_line)
        text = "\n".join(rehearsal.report_text(made)) + "\n"
        if self._out:
            try:
                Path(self._out).write_text(text, encoding="utf-8")
            except OSError as error:
                self.refuse("configuration", f"{self._out} cannot be written: {error.strerror}.", "Name another file.")
        if self.as_json:
            self.print_json(made.document())
        elif not self._out:
            self.print_text(text)
        else:
            self.print_text(f"The report is in {self._out}.")
        if not made.ok:
            raise SystemExit(1)

    def _report_line(self, line: rehearsal.Line) -> None:
        """Print a line as it comes; on stderr, since stdout is for the answer."""
        self.stderr.write(f"{LINE_MARKS[line.state]}  {line.name}", self.style.NOTICE)

    def _status(self, _values: None, _secret: str) -> None:
        connection = state.connection_of(self.company)
        report = Report.stored(connection.checks)
        if self.as_json:
            self.print_json({**_status_document(connection), **report.document()})
            return
        word = "enabled" if connection.enabled else "not enabled"
        self.print_text(f"The connection of {self.company} is {word}.")
        self.print_text(f"Environment URL: {connection.environment_url or 'none'}")
        if connection.organization_name:
            self.print_text(f"Organization: {connection.organization_name}")
        self._print_checks(report)

    def _print_checks(self, report: Report) -> None:
        for check in report.checks:
            self.print_text(f"{MARKS[check.state]}  {check.name}: {check.user_message}")


def _status_document(connection: DataverseConnection) -> dict[str, Any]:
    """Return the status of a connection for programs, without a secret."""
    return {
        "company": connection.company.name,
        "enabled": connection.enabled,
        "environment_url": connection.environment_url,
        "authentication_type": connection.authentication_type,
        "tenant_id": connection.tenant_id,
        "client_id": connection.client_id,
        "secret_stored": credentials.has_secret(connection),
        "organization": connection.organization_name,
        "organization_id": connection.organization_id,
        "business_unit": connection.business_unit_name,
        "checked_at": connection.checked_at,
        "dynamics_365": {"enabled": dynamics.is_enabled(connection.company)},
    }
