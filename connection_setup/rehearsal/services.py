"""Runs a rehearsal, and compares each answer with what the stand-in gives; the report holds kinds and no values."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from connection_setup.checks.services import expectations
from connection_setup.connection import clients
from connection_setup.models import DataverseConnection
from connection_setup.rehearsal import writes
from connection_setup.rehearsal.questions import questions
from connection_setup.rehearsal.shapes import Difference, differences, shape_of
from dataverse.errors import DataverseError, SignInError, Throttled, Unavailable

EXPECTED = Path(__file__).parent / "expected.json"
DEFINED = "Test Connection: define account"
SAME, DIFFERENT, REFUSED, ABSENT = "same", "different", "refused", "no such table"
"""ABSENT: of the sales tables, which an environment may have not."""


@dataclass(frozen=True, slots=True)
class Line:
    """One question or write: its state, where its answer differs, and of a refusal what happened and what to do."""

    name: str
    state: str
    differences: tuple[Difference, ...] = ()
    message: str = ""
    fix: str = ""
    code: str = ""


@dataclass(slots=True)
class Rehearsal:
    """The report. `shapes` is what was seen, by name; `left`: what a write could not remove again.

    stopped: why it did not go on to its end.
    """

    environment: str = ""
    version: str = ""
    at: str = ""
    wrote: bool = False
    lines: list[Line] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    shapes: dict[str, Any] = field(default_factory=dict)
    stopped: str = ""

    @property
    def ok(self) -> bool:
        """Whether every answer is as the stand-in's, of those tables that are there."""
        return not self.stopped and all(line.state in {SAME, ABSENT} for line in self.lines)

    def document(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "environment": self.environment,
            "version": self.version,
            "at": self.at,
            "write": self.wrote,
            "ok": self.ok,
            "lines": [asdict(line) for line in self.lines],
            "left": self.left,
            "stopped": self.stopped,
            "left_out": self.left_out,
        }


def expected_shapes() -> dict[str, Any]:
    """Return what the stand-in answered, by the name of the question or write."""
    found: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found


def rehearse(
    connection: DataverseConnection,
    *,
    write: bool,
    on_line: Callable[[Line], None] = lambda _: None,
    made: Rehearsal | None = None,
) -> Rehearsal:
    """Ask the questions and, with `write`, send the writes; return the report, which fills as it goes (`made`).

    Rows that were made are removed again; business unit and team stay, as the report says. Raises Refusal (a setting is
    missing; with `write` also where another organization than the connection's own answers), and DataverseError where
    the environment as a whole does not answer; the report has what was found until then.
    """
    made = Rehearsal() if made is None else made
    try:
        _run(connection, write, on_line, made)
    except DataverseError as error:
        made.stopped = error.user_message
        raise
    return made


def _run(connection: DataverseConnection, write: bool, on_line: Callable[[Line], None], made: Rehearsal) -> None:
    client, expected = clients.stored_client(connection), expected_shapes()
    made.environment = urlsplit(connection.environment_url).hostname or ""
    made.at = timezone.now().isoformat()
    if write and connection.organization_id is not None:  # one that was never enabled has none of its own
        clients.verify_organization(connection.company, client)
    who = client.who_am_i()
    made.version = str(client.function("RetrieveVersion()").get("Version", ""))

    def take(name: str, ask: Callable[[], Any], optional: bool) -> None:
        found, error = _answer(ask)
        made.shapes[name] = found
        line = _compare(name, expected.get(_known_as(name)), found, error, optional)
        made.lines.append(line)
        on_line(line)

    for question in questions(who, expectations(connection)):
        take(question.name, lambda asked=question: asked.ask(client), question.optional)  # type: ignore[misc]
    if write:
        made.wrote, made.left_out = True, [f"{what}: {why}" for what, why in writes.LEFT_OUT]
        scene = writes.Scene(client, who)
        writes.remove_rows(scene)  # what an earlier one could not remove
        try:
            for one in writes.WRITES:
                take(one.name, lambda sent=one: sent.send(scene), one.optional)  # type: ignore[misc]
        finally:
            made.left = list(writes.clean_up(scene))


def _known_as(name: str) -> str:
    """Return the name under which an answer's shape is kept: the definitions of all tables have one."""
    return DEFINED if name.startswith(DEFINED.rpartition(" ")[0]) else name


def _answer(ask: Callable[[], Any]) -> tuple[Any, DataverseError | None]:
    """Return the shape of an answer, or of its refusal, with the error. Raises what concerns everything."""
    try:
        return shape_of(ask()), None
    except (SignInError, Throttled, Unavailable):
        raise
    except DataverseError as error:
        return {"refused": error.kind.value, "code": error.code.lower()}, error


def _compare(name: str, expected: Any, found: Any, error: DataverseError | None, optional: bool = False) -> Line:
    told = (error.message, error.fix, error.code) if error else ("", "", "")
    if optional and error is not None and error.status == 404:
        return Line(name, ABSENT, (), *told)
    refused = isinstance(expected, dict) and "refused" in expected
    if error is not None and not (refused and expected["refused"] == error.kind.value):
        return Line(name, REFUSED, (), *told)
    if error is not None:
        other = Difference("code", expected["code"], error.code.lower())
        return Line(name, SAME) if other.expected == other.found else Line(name, DIFFERENT, (other,), *told)
    if refused:
        return Line(name, DIFFERENT, (Difference("", f"refused ({expected['code']})", "done"),))
    found_differences = tuple(differences(expected, found)) if expected is not None else ()
    return Line(name, DIFFERENT if found_differences else SAME, found_differences)


def report_text(made: Rehearsal) -> Iterator[str]:
    """Yield the lines of the report for people, in Markdown."""
    same = sum(line.state == SAME for line in made.lines)
    yield f"# Rehearsal against {made.environment}"
    yield ""
    yield f"{made.at}, Dataverse {made.version or 'of an unknown version'}."
    yield f"{same:,} of {len(made.lines):,} answers are as expected. What each difference means: docs/first-tenant.md."
    if made.stopped:
        yield f"It stopped before its end: {made.stopped}"
    yield ""
    for line in made.lines:
        if line.state == SAME:
            continue
        yield f"## {line.name}: {line.state}"
        yield ""
        if line.message:
            yield f"{line.message} {line.fix}".strip()
        if line.code:
            yield f"Code {line.code}."
        for one in line.differences:
            yield f"- {one.path or 'the answer'}: expected {one.expected}, found {one.found}"
        yield ""
    if made.wrote:
        yield "## What stays in the environment"
        yield ""
        yield from (f"- {one}" for one in made.left or ["Nothing."])
        yield ""
        yield "## Not rehearsed"
        yield ""
        yield from (f"- {one}" for one in made.left_out)
        yield ""
    yield "## As expected"
    yield ""
    yield from (f"- {line.name}" for line in made.lines if line.state == SAME)
