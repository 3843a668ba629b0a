"""Registers the kind."""

from django.apps import AppConfig


class KillableConfig(AppConfig):
    name = "tests.jobs.killable"
    label = "killable"

    def ready(self) -> None:
        from jobs.registry import register
        from tests.jobs.killable.handler import dying

        register("dying", dying)
