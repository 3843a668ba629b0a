"""Every numbered refusal of the stand-in reaches a person as a sentence with a remedy: docs/refusals.md is what comes.

Each is asked for over HTTP, as the application's client and a person's sign-in meet it, and shown by the page and the
command of Test Connection. Whatever is registered is walked.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from dataverse.client import DataverseClient
from dataverse.errors import DataverseError
from dataverse.http_session import Timeouts
from dataverse.sign_in_rules import consent_problem, sign_in_error
from dataverse.types import Request, UserPassword
from masterdata.models import Company
from sandbox.base.asked import SIGN_IN
from sandbox.identity.policy import KEY_REASONS, TEXTS
from sandbox.refusals import registry
from sandbox.refusals.answers import Refusal
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.test_command import run
from tests.dataverse.test_person_sign_in import credentials_of, environment_of

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "refusals.md"
KEEP = "KEEP_REFUSALS"
"""Set to 1, the table of docs/refusals.md is written anew."""
BEGINS = "| No | Variant | Code | What is told | What to do and who can |"
OF_PEOPLE = {24, 25}
"""Refusals that strike people's tokens."""
LATER = {26}
"""Answered by a new token, once; a second time in a row it is told."""
DEFINING = {*range(1, 7), *range(10, 14)}
"""Refusals of definitions that are written."""
ROW = "5f0c1a52-8d0e-4b8e-9a57-3c1d0f6b7e21"


def no_sleep(_: float) -> None:
    """Repeat without waiting."""


def client_of(sandbox: Sandbox, *, person: bool, version: int = 0) -> DataverseClient:
    """Return a client that has not been told to wait yet: that is kept by credentials and version."""
    credential = UserPassword(sandbox.admin_user, sandbox.admin_password) if person else None
    given = replace(credentials_of(sandbox, credential), version=version)
    made = DataverseClient(environment_of(sandbox), given, timeouts=Timeouts(), sleep=no_sleep)
    made.who_am_i()
    return made


def told(client: DataverseClient, sandbox: Sandbox, number: int, variant: str) -> DataverseError | None:
    """Return what a refusal becomes; None where the client gets by with it."""
    sandbox.control("DELETE", "faults")
    entry: dict[str, Any] = {"refusal": number, "times": 0, "parallel": 1, "retry_after": 0}
    sandbox.control("POST", "faults", [{**entry, **({"variant": variant} if variant else {})}])
    try:
        if number in {1, *range(3, 15), 22}:
            client.function("EntityDefinitions(LogicalName='account')?$select=LogicalName")
        if number in DEFINING:
            client.define("EntityDefinitions", {"SchemaName": "tandem_X"}, solution="TandemDataverseIntegration")
            return None
        if number == 28:
            client.update_multiple("accounts", "account", [{"accountid": ROW, "name": "x"}])
        (answer,) = client.batch([Request("POST", "accounts", {"name": "x"})])
        if answer.error is not None:
            return answer.error
        body = {"name": "x", "@odata.type": "Microsoft.Dynamics.CRM.account"}
        client.action("accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": [body]})
    except DataverseError as error:
        return error
    finally:
        sandbox.control("DELETE", "faults")
    return None


def of_sign_in(refusal: Refusal, variant: str, *, password: bool = False) -> DataverseError | None:
    if refusal.number == 40:
        error = {"error": "consent_required", "error_description": "AADSTS65004: no"} if variant == "declined" else {}
        return consent_problem({"admin_consent": "True", **error})
    number = 700027 if variant in KEY_REASONS else int(variant)
    _, _, error_kind, text = TEXTS[number]
    said = f"AADSTS{number}: {KEY_REASONS.get(variant, text)}"
    return sign_in_error(error_kind, said, person=refusal.number == 39, password=password)


def rows(sandbox: Sandbox) -> Iterator[tuple[int, str, DataverseError | None]]:
    """Yield number, variant and error of everything that is registered."""
    version = 1000
    for number, refusal in sorted(registry.known().items()):
        for variant in refusal.variants or ("",):
            if refusal.place == SIGN_IN:
                yield number, variant, of_sign_in(refusal, variant)
                if variant == "7000218":
                    yield number, f"{variant}, Office365 (legacy)", of_sign_in(refusal, variant, password=True)
            elif not (number in OF_PEOPLE and variant == "all"):
                version += 1
                client = client_of(sandbox, person=number in OF_PEOPLE, version=version)
                yield number, variant, told(client, sandbox, number, variant)


def line_of(number: int, variant: str, error: DataverseError | None) -> str:
    if error is None:
        return f"| {number} | {variant} | | Nothing is told: the client gets by with it. | |"
    message = " ".join(error.message.replace(ROW, "ID").split())
    return f"| {number} | {variant} | {error.code} | {message} | {error.fix} |"


def test_every_refusal_is_told_with_a_remedy_as_the_document_says(sandbox: Sandbox) -> None:
    user = str(client_of(sandbox, person=False).who_am_i().user_id)
    person = str(client_of(sandbox, person=True).who_am_i().user_id)
    lines = []
    for number, variant, error in rows(sandbox):
        lines.append(line_of(number, variant, error).replace(user, "USER").replace(person, "USER"))
        lines[-1] = lines[-1].replace(sandbox.client_id, "APPLICATION")
        if error is not None:
            assert error.message.strip(), (number, variant)
            assert error.fix or error.said in error.message or error.repeat, (
                f"{number} {variant} leads nowhere: {error}"
            )
    text = DOCUMENT.read_text(encoding="utf-8")
    before = text.partition(BEGINS)[0]
    whole = f"{before}{BEGINS}\n| --- | --- | --- | --- | --- |\n" + "\n".join(lines) + "\n"
    if os.environ.get(KEEP) == "1":
        DOCUMENT.write_text(whole, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == whole, f"a sentence changed: look at it, then set {KEEP}=1"


@pytest.mark.django_db
def test_page_and_command_tell_what_the_client_was_told(company: Company, sandbox: Sandbox, capsys: Any) -> None:
    company.currency_code = services_currency(sandbox)
    company.save()
    saved: DataverseConnection = connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    browser: Client = signed_in("Administrator")
    for number, path, said in (
        (15, "WhoAmI", "no application user for the Client ID"),
        (16, "WhoAmI", "lacks the privilege"),
        (18, "WhoAmI", "has no security role"),
        (25, "WhoAmI", "IP firewall"),
        (37, "WhoAmI", ""),
    ):
        variant = {"variant": "all"} if number == 25 else {"variant": "proxy"} if number == 37 else {}
        sandbox.control("POST", "faults", [{"refusal": number, "times": 0, "path": path, **variant}])
        code, document, _ = run(capsys, "test", "--company", company.name)
        problem = next(one for one in document["checks"] if one["state"] == "error")
        assert code == 1
        assert said in problem["message"], (number, problem)
        assert "Assign" not in problem["fix"] or number != 37, "a page in between gets no advice about roles"
        page = browser.post(f"/c/{company.slug}/dataverse-connection-setup/test/", follow=True).content.decode()
        assert json.dumps(problem["message"][:60]).strip('"').split("'")[0] in page, number
        sandbox.control("DELETE", "faults")
    del saved
