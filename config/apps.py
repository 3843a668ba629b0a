"""The wiring's own app: commands that start the whole house."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Holds the management commands `serve` and `demo`."""

    name = "config"
    label = "config"
