"""`manage.py sandbox`: a stand-in Dataverse environment on this machine."""

import json
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sandbox.environment import Environment
from sandbox.service import saved_state
from sandbox.service.server import Server, connection_details

SAVE_INTERVAL_S = 30
"""How often changed rows are saved, with --state, while the sandbox serves."""


class Command(BaseCommand):
    """Serve the sandbox until it is stopped."""

    help = "Serve a stand-in Dataverse environment over HTTPS, with sign-in, on this machine only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--port", type=int, default=8443, help="the port; 0 picks a free one (default: 8443)")
        parser.add_argument(
            "--state", metavar="DIR", help="save the rows in this folder, and start with them next time"
        )
        parser.add_argument(
            "--empty", action="store_true", help="without integration solution and application user, for provisioning"
        )
        parser.add_argument("--json", action="store_true", help="print how to connect as one line of JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        """Serve until SIGTERM or Ctrl-C."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        folder = Path(options["state"]) if options["state"] else None
        environment = self._open_environment(folder, empty=options["empty"])
        try:
            server = Server(environment, Path(settings.SANDBOX_CA_FILE), options["port"])
        except OSError as error:
            raise CommandError(f"The sandbox cannot listen on port {options['port']}: {error.strerror}.") from error
        server.start()
        self._print_details(server, as_json=options["json"])
        saved_version = environment.store.version
        while not stop.wait(SAVE_INTERVAL_S):
            if folder is not None and environment.store.version != saved_version:
                saved_version = environment.store.version
                saved_state.write(environment, folder)
        server.stop()
        if folder is not None:
            saved_state.write(environment, folder)

    @staticmethod
    def _open_environment(folder: Path | None, *, empty: bool) -> Environment:
        try:
            found = saved_state.read(folder) if folder is not None else None
        except (saved_state.NotReadable, OSError) as error:
            raise CommandError(str(error)) from error
        return found or Environment(empty=empty)

    def _print_details(self, server: Server, *, as_json: bool) -> None:
        details = connection_details(server)
        if as_json:
            self.stdout.write(json.dumps(details))
        else:
            width = max(len(name) for name in details)
            self.stdout.write(f"The sandbox serves {details['environment_url']} (Ctrl-C stops it).")
            self.stdout.write(f"Look inside: {details['environment_url']}/_sandbox/\n")
            for name, value in details.items():
                self.stdout.write(f"  {name.replace('_', ' '):{width}}  {value}")
        self.stdout.flush()
