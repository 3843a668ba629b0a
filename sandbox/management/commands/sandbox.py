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
from sandbox.service.server import Server, described

KEEP_S = 30
"""How often the rows are kept, with --state, while the sandbox serves."""


class Command(BaseCommand):
    """Serves the sandbox until it is told to stop."""

    help = "Serve a stand-in Dataverse environment over HTTPS, with sign-in, on this machine only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("--port", type=int, default=8443, help="the port; 0 picks a free one (default: 8443)")
        parser.add_argument("--state", metavar="DIR", help="keep the rows in this folder and go on with them next time")
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
        environment = self._environment(folder, empty=options["empty"])
        try:
            server = Server(environment, Path(settings.SANDBOX_CA_FILE), options["port"])
        except OSError as error:
            raise CommandError(f"The sandbox cannot listen on port {options['port']}: {error.strerror}.") from error
        server.start()
        self._say(server, as_json=options["json"])
        kept = environment.store.version
        while not stop.wait(KEEP_S):
            if folder is not None and environment.store.version != kept:
                kept = environment.store.version
                saved_state.write(environment, folder)
        server.stop()
        if folder is not None:
            saved_state.write(environment, folder)

    @staticmethod
    def _environment(folder: Path | None, *, empty: bool) -> Environment:
        try:
            found = saved_state.read(folder) if folder is not None else None
        except (saved_state.NotReadable, OSError) as error:
            raise CommandError(str(error)) from error
        return found or Environment(empty=empty)

    def _say(self, server: Server, *, as_json: bool) -> None:
        line = described(server)
        if as_json:
            self.stdout.write(json.dumps(line))
        else:
            width = max(len(name) for name in line)
            self.stdout.write(f"The sandbox serves {line['environment_url']} (Ctrl-C stops it).")
            self.stdout.write(f"Look inside: {line['environment_url']}/_sandbox/\n")
            for name, value in line.items():
                self.stdout.write(f"  {name.replace('_', ' '):{width}}  {value}")
        self.stdout.flush()
