"""Bodies of control calls, read and checked, and their answers."""

from typing import Any

import msgspec

from sandbox.base.faults import Fault, read_fault
from sandbox.base.messages import Request, Response
from sandbox.base.values import parse_datetime
from sandbox.identity.records import Application, Secret
from sandbox.refusals import registry

JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class InvalidCall(Exception):
    """A control call that is not valid; the text says why."""


def describe_application(application: Application) -> dict[str, Any]:
    """Return an application without the values of its secrets."""
    return {
        "client_id": application.client_id,
        "name": application.name,
        "redirect_urls": application.redirect_urls,
        "secrets": [{"expires": one.expires} for one in application.secrets],
        "certificates": len(application.certificates),
    }


def read_secret(given: Any) -> Secret:
    """Return the secret that a call describes. Raises InvalidCall."""
    if not isinstance(given, dict) or not given.get("value"):
        raise InvalidCall("A secret is an object with a value, and expires where it does.")
    expires = given.get("expires")
    if expires is None:
        return Secret(str(given["value"]))
    if isinstance(expires, int | float) and not isinstance(expires, bool):
        return Secret(str(given["value"]), float(expires))
    found = parse_datetime(str(expires))
    if found is None:
        raise InvalidCall(f"'{expires}' is no date.")
    return Secret(str(given["value"]), found.timestamp())


def read_json(request: Request) -> Any:
    """Return the JSON of a body; an empty one reads as {}. Raises InvalidCall."""
    try:
        return msgspec.json.decode(request.body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidCall(f"The body is no JSON: {error}") from None


def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body. Raises InvalidCall."""
    found = read_json(request)
    if not isinstance(found, dict):
        raise InvalidCall("The body must be a JSON object.")
    return found


def check_names(given: dict[str, Any], *names: str) -> None:
    """Raise InvalidCall where an object has another name than these."""
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InvalidCall(f"There is no '{unknown[0]}'; there are {', '.join(names)}.")


def read_faults(given: Any) -> list[Fault]:
    """Return the faults that a body describes: an entry or a list of them. Raises ValueError with a sentence."""
    entries = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("A fault is an object.")
    return [registry.read_entry(entry) if "refusal" in entry else read_fault(entry) for entry in entries]


def read_number(given: dict[str, Any], name: str, default: float) -> float:
    """Return a number of an object. Raises InvalidCall."""
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidCall(f"'{name}' must be a number.")
    return value


def json_answer(document: Any) -> Response:
    """Return a document as an answer."""
    return Response(200, msgspec.json.encode(document), dict(JSON_HEADERS))


def error_answer(status: int, message: str) -> Response:
    """Return an error with a sentence."""
    return Response(status, msgspec.json.encode({"error": {"message": message}}), dict(JSON_HEADERS))
