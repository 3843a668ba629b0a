"""How the service behaves where environments, or what is known of them, differ: each is a switch."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Behavior:
    """The switches.

    gzip: answers of the Web API are compressed for clients that take it. delta_link_from: "first" or "last", the page
    of a tracked read from whose time its delta link dates. null_options: a column bound to a global choice has no
    OptionSet of its own. inactive_refuses: rows of every table refuse changes while they are inactive, as closed
    opportunities always do.
    """

    gzip: bool = False
    delta_link_from: str = "first"
    null_options: bool = True
    inactive_refuses: bool = False

    def change(self, given: dict[str, Any]) -> None:
        """Set the switches that are given. Raises ValueError with a sentence, and then changes nothing."""
        types = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        for name, value in given.items():
            if name not in types:
                raise ValueError(f"There is no '{name}'; there are {', '.join(types)}.")
            if type(value) is not types[name]:
                raise ValueError(f"'{name}' is {'true or false' if types[name] is bool else 'a word'}.")
        if given.get("delta_link_from", "first") not in {"first", "last"}:
            raise ValueError('\'delta_link_from\' is "first" or "last".')
        for name, value in given.items():
            setattr(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """Return the switches as the control call lists them."""
        return asdict(self)
