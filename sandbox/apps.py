"""The stand-in Dataverse environment's command."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """The stand-in Dataverse environment's command."""

    name = "sandbox"
