"""Opening pages as an administrator does, and what each takes: seconds, processor time, queries (benchmarks.pages)."""

import html
import re
import time
from pathlib import Path
from typing import Any

from benchmarks import effort
from benchmarks.effort import Effort
from benchmarks.page_filling import on_postgresql


def _cpu_seconds() -> float:
    """Return the processor time so far of this process and of its PostgreSQL backend, which runs on this machine."""
    return time.process_time() + (_database_cpu_seconds() if on_postgresql() else 0)


def _database_cpu_seconds() -> float:
    """Return the processor time so far of the database, which SQLite spends in this process."""
    from django.db import connection

    if not on_postgresql():
        return time.process_time()
    connection.ensure_connection()
    statistics_file = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(statistics_file.read_text().split()[0]) / 1e9


class Reader:
    """An administrator who opens pages; each answer's queries and seconds."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.contrib.auth.models import Group, User
        from django.test import Client

        from core.roles import Role

        settings.STORAGES = {
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }
        Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
        settings.ALLOWED_HOSTS = ["testserver"]
        user = User.objects.create(username="reader")
        user.groups.add(Group.objects.get_or_create(name=Role.ADMINISTRATOR)[0])
        self.client = Client()
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def landing(self, url: str) -> str:
        """Return the address itself, or the one it leads on to."""
        answer = self.client.get(url)
        return str(answer["Location"]) if answer.status_code == 302 else url

    def text(self, url: str) -> str:
        answer = self.client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        return answer.content.decode()

    def queries(self, url: str) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            self.text(url)
        return len(asked)

    def cpu_seconds(self, url: str) -> float:
        """Return the processor time of a page, here and in the database, which hardly grows with other work beside."""
        began = _cpu_seconds()
        self.text(url)
        return _cpu_seconds() - began

    def effort(self, url: str) -> Effort:
        """Return what a page takes, on the clock and of processors."""
        from django.db import connection

        with effort.effort(connection) as took:
            self.text(url)
        return took

    def database_ms(self, url: str) -> float:
        """Return the milliseconds of the database for a page: its queries, each asked again and read to its end."""
        from django.db import connection

        asked: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
            asked.append((sql, parameters))
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(note):
            self.text(url)
        with connection.cursor() as cursor:
            began = _database_cpu_seconds()
            for sql, parameters in asked:
                if sql.startswith("SELECT"):
                    cursor.execute(sql, parameters)
                    cursor.fetchall()
            return (_database_cpu_seconds() - began) * 1000

    def following(self, url: str) -> str:
        """Return where the page's Next leads: sought from its last row."""
        found = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', self.text(url))
        assert found, f"{url} has no next page"
        return html.unescape(found[1] or found[2])
