"""The secrets that sign webhooks, sealed as the connection's are: the room that seals them says how."""

from collections.abc import Callable
from dataclasses import dataclass

from django.views.decorators.debug import sensitive_variables

from core.refusals import NotUsable

SHORTEST = 16
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a secret becomes what the database holds, and back. Both raise Refusal where no key fits."""

    seal: Callable[[str], bytes]
    unseal: Callable[[bytes], str]


_provided: list[Sealing] = []


def provide(sealing: Sealing) -> None:
    """Name what seals; called once, while the room above loads."""
    _provided[:] = [sealing]


@sensitive_variables()
def seal(secret: str) -> bytes:
    """Return the secret, sealed. Raises Refusal."""
    return _sealing().seal(secret)


@sensitive_variables()
def unseal(sealed: bytes | memoryview) -> str:
    """Return the secret. Raises Refusal."""
    return _sealing().unseal(bytes(sealed))


def _sealing() -> Sealing:
    if not _provided:
        raise NotUsable("Nothing here seals secrets, so none is stored.")
    return _provided[0]
