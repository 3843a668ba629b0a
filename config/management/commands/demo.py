"""manage.py demo [--once]: what `make demo` runs."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo.environment import EnvironmentFailed
from config.demo.rounds import DemoFailed
from config.demo.run import Demo
from config.demo.show import Screen
from config.serve import SiteFailed, stop_on_signals
from core.refusals import Refusal
from dataverse.errors import DataverseError


class Command(BaseCommand):
    """Show the main job on demo data: two companies, a sandbox, the web server and a worker in one command."""

    help = "Two companies of demo data, a sandbox over HTTPS, the web server and a worker; the main job with a summary."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whether to end after the summary."""
        parser.add_argument("--once", action="store_true", help="End after the summary; 0 = all went well, else 1.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run it; exit code 1 where something did not go well."""
        if not settings.SANDBOX_ALLOWED:
            raise CommandError("The demo needs a sandbox: start it with make demo, or set SANDBOX_ALLOWED=1.")
        stop_on_signals()
        self.stdout.ending = ""  # a bar that moves must not get a line of its own
        screen = Screen(self.stdout)
        try:
            code = Demo(screen, once=options["once"]).run()
        except (DemoFailed, EnvironmentFailed, SiteFailed) as failure:
            raise CommandError(str(failure)) from None
        except (Refusal, DataverseError) as failure:
            raise CommandError(failure.user_message) from failure
        except KeyboardInterrupt:
            screen.line("Stopped.")
            return
        if code:
            raise SystemExit(code)
