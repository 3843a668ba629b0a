"""All numbered refusals, and the entries of `POST /_sandbox/faults` that ask for one."""

from typing import Any

from sandbox.base.faults import Fault, read_scope
from sandbox.base.values import parse_guid
from sandbox.refusals import customizing, people, rows
from sandbox.refusals.answers import Refusal, Settings

NUMBERS = range(1, 41)
_SETTINGS = frozenset({"status", "code", "message", "ids", "retry_after", "variant", "rows", "parallel"})
_GROUPS = (customizing.REFUSALS, people.REFUSALS, rows.REFUSALS)


def known() -> dict[int, Refusal]:
    """Return the refusals there are, by number."""
    return {one.number: one for group in _GROUPS for one in group}


def read_entry(entry: dict[str, Any]) -> Fault:
    """Return the fault that an entry with a number describes. Raises ValueError with a sentence."""
    number = entry.get("refusal")
    if not isinstance(number, int) or isinstance(number, bool) or number not in NUMBERS:
        raise ValueError(f"'{number}' is no refusal; they are numbered 1 to {NUMBERS[-1]}.")
    refusal = known()[number]
    settings = _read_settings(entry, refusal)
    fault = read_scope({name: value for name, value in entry.items() if name not in _SETTINGS | {"refusal"}})
    fault.fault, fault.refusal, fault.place = "refusal", number, refusal.place
    fault.answer = lambda asked: refusal.answer(asked, settings)
    fault.strikes = lambda asked: refusal.strikes(asked, settings)
    return fault


def _read_settings(entry: dict[str, Any], refusal: Refusal) -> Settings:
    status = entry.get("status")
    if status is not None and not (isinstance(status, int) and 200 <= status <= 599):
        raise ValueError(f"'{status}' is no status of an answer.")
    ids = entry.get("ids") or []
    if not isinstance(ids, list) or any(parse_guid(one) is None for one in ids):
        raise ValueError("'ids' is a list of GUIDs.")
    variant = str(entry.get("variant") or next(iter(refusal.variants), ""))
    if variant and variant not in refusal.variants:
        there_are = f"there are {', '.join(refusal.variants)}" if refusal.variants else "it has none"
        raise ValueError(f"Refusal {refusal.number} has no variant '{variant}'; {there_are}.")
    return Settings(
        status=status,
        code=str(entry.get("code") or ""),
        message=str(entry.get("message") or ""),
        ids=tuple(str(one) for one in ids),
        retry_after=_read_retry_after(entry.get("retry_after")),
        variant=variant,
        rows=int(entry.get("rows") or 0),
        parallel=int(entry.get("parallel") or 2),
    )


def _read_retry_after(given: Any) -> str:
    text = "" if given is None else str(given)
    number = text.removeprefix("date").strip()
    if text and text != "none":
        try:
            float(number or 1)
        except ValueError:
            raise ValueError(f"'retry_after' is a number of seconds, \"date 5\" or \"none\", not '{text}'.") from None
    return text
