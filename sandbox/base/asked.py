"""What a fault may look at of the request that it hits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

WEB_API = "web api"
SIGN_IN = "sign-in"
"""Where a request arrives: the Web API, or the tenant's own addresses (token endpoint, sign-in page, consent)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, or a part of a $batch.

    `shape` is its path without ids (`accounts(id)`, at sign-in what follows the tenant: `oauth2/v2.0/token`), `table`
    the logical name of the table it is about ("" for none). Who asks: `user_id` (the row of systemuser), `application`
    (client id, of an application user alone) or `person` (user name); all "" where that is not known yet.
    `writers` counts the requests that write rows of the same set now, this one included.
    """

    method: str
    shape: str
    place: str = WEB_API
    path: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = ""
    table: str = ""
    user_id: str = ""
    application: str = ""
    person: str = ""
    writers: int = 1
    in_batch: bool = False

    def parameters(self) -> dict[str, str]:
        """Return the fields of the address and, over them, of a form; as sign-in takes them."""
        form = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return {**dict(parse_qsl(self.query, keep_blank_values=True)), **form}
