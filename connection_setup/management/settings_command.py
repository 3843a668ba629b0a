"""Base of the commands that take a connection's settings instead of the stored ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from connection_setup.models import AuthenticationType
from dataverse import clouds, pem_files
from masterdata.commands import CompanyCommand

OPTIONS = {"environment_url": "--environment-url", "tenant_id": "--tenant", "client_id": "--client-id"}


class SettingsCommand(CompanyCommand):
    """A command about a company's connection that may be given settings, and the secret in a file."""

    def add_settings(self, parser: CommandParser) -> None:
        """Add the options that name settings."""
        parser.add_argument(
            "--sandbox", metavar="FILE", help="Settings from the line that `manage.py sandbox --json` printed."
        )
        parser.add_argument("--environment-url", metavar="URL")
        parser.add_argument("--tenant", dest="tenant_id", metavar="ID")
        parser.add_argument("--client-id", metavar="ID")
        secrets = parser.add_mutually_exclusive_group()
        secrets.add_argument("--client-secret-file", metavar="FILE", help="A file that holds the secret's value.")
        secrets.add_argument(
            "--certificate-file",
            metavar="FILE",
            help="A PEM or PFX file with private key and certificate.",
        )

    def settings(self, options: dict[str, Any], *, whole: bool = True) -> tuple[dict[str, Any] | None, str]:
        """Return the settings that options name, with the secret; None where the stored ones are meant.

        whole: all that leads to an environment must be named; else what is not named stays as it is stored.
        """
        named = {name: options[name] for name in OPTIONS if options[name] is not None}
        secret_file = options["client_secret_file"] or options["certificate_file"]
        if options["sandbox"]:
            if named or secret_file:
                self.usage_error("--sandbox provides all settings; leave the others out.")
            return self._sandbox(options["sandbox"])
        if not named and not secret_file:
            return None, ""
        missing = [option for name, option in OPTIONS.items() if name not in named]
        if not secret_file:
            missing.append("--client-secret-file or --certificate-file")
        if missing and whole:
            self.usage_error(f"Settings go together; missing: {', '.join(missing)}.")
        values = {**named, "sandbox_ca_file": ""} if whole else dict(named)
        if "environment_url" in named:
            values["cloud"] = clouds.cloud_of(named["environment_url"])
        if secret_file:
            kind = AuthenticationType.CERTIFICATE if options["certificate_file"] else AuthenticationType.CLIENT_SECRET
            values["authentication_type"] = kind.value
        read = pem_files.pem_of if options["certificate_file"] else pem_files.text_of
        return values, self._text(secret_file, read).strip() if secret_file else ""

    def _sandbox(self, file: str) -> tuple[dict[str, Any], str]:
        """Return the settings in the line that `manage.py sandbox --json` printed, with the secret."""
        first = self._text(file).strip().partition("\n")[0]
        try:
            printed = json.loads(first)
            values = {name: str(printed[name]) for name in OPTIONS}
            values |= {
                "cloud": "commercial",
                "sandbox_ca_file": str(printed.get("ca_file") or ""),
                "authentication_type": AuthenticationType.CLIENT_SECRET.value,
            }
            return values, str(printed["client_secret"])
        except (ValueError, KeyError, TypeError):
            self.usage_error(f"{file} does not hold the line that `manage.py sandbox --json` printed.")

    def _text(self, file: str, read: Callable[[bytes], str] = pem_files.text_of) -> str:
        try:
            return read(Path(file).read_bytes())
        except OSError as error:
            self.usage_error(f"{file} cannot be read: {error.strerror}.")
        except pem_files.Unreadable as unreadable:
            self.usage_error(f"{file} cannot be read. {unreadable.message} {unreadable.fix}")
