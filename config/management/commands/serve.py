"""manage.py serve [--port 8000] [--without-worker]: the web server and a worker, as `make run` starts them."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.serve import Site, SiteFailed, prepare, ready_line, sign_in, stop_on_signals
from config.state_in_use import hold_state_folder


class Command(BaseCommand):
    """Serve the site, with a worker beside it, until SIGTERM or Ctrl-C."""

    help = "Bring the tables up to date, then serve the site with a worker beside it until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the port and what to leave out."""
        parser.add_argument("--port", type=int, default=settings.PORT, help="The port; 0 picks a free one.")
        parser.add_argument("--without-worker", action="store_true", help="Only the web server; workers run elsewhere.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Prepare, serve, say READY, wait."""
        stop_on_signals()
        try:
            with hold_state_folder("make run") as tell_address:
                self._serve(tell_address, options)
        except SiteFailed as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")

    def _serve(self, tell_address: Callable[[str], None], options: dict[str, Any]) -> None:
        site = Site(port=options["port"], worker=not options["without_worker"], say=self.stderr.write)
        prepare()
        who = sign_in()
        with site:
            site.wait_until_serving()
            tell_address(site.url)
            self.stdout.write(ready_line(site, who))
            if who is None:
                self.stdout.write("Sign in with your own account; manage.py user NAME --role Administrator makes one.")
            self.stdout.flush()
            site.serve_forever()
