"""Test Connection: all checks in three requests.

First whether the environment answers and lets the application in, then all else at once (batch). A check that needs a
failed one is left out instead of failing too; a part that is refused leaves the others as they are.
"""

from connection_setup import types
from connection_setup.checks import batch, error_checks, judges
from connection_setup.types import Check, Dataverse, Expectations, Report
from dataverse.errors import DataverseError


def run_checks(client: Dataverse, expected: Expectations) -> Report:
    """Make all checks, in three requests. A DataverseError is not raised: it becomes the check it belongs to."""
    made: list[Check] = []
    place, hint = types.ADDRESS, ""
    try:
        ping = client.ping()
        hint = error_checks.tenant_hint(ping, expected.tenant_id)
        made += [judges.address(ping), judges.clock(ping)]
        place = types.SIGN_IN
        who = client.who_am_i()
        made += [
            judges.signed_in(expected),
            Check(judges.ACCESS, "ok", "The environment lets the application in."),
            Check(judges.MODE, "ok", "The environment is not in administration mode."),
        ]
        place = judges.ORGANIZATION
        answers = batch.ask(client, who, expected)
    except DataverseError as error:
        failed = error_checks.check_for_error(error, place, expected, hint)
        if failed.name == judges.ACCESS:
            made = error_checks.with_failed(made, judges.signed_in(expected))
        return Report(tuple(error_checks.with_failed(made, failed)))
    for name, judge in judges.JUDGES.items():
        try:
            made += judge.judge(answers, expected)
        except DataverseError as error:
            made.append(error_checks.check_for_refused_part(error, name, expected, hint))
    return Report(tuple(made))
