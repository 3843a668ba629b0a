"""Global discovery: the environments a person may work in.

The service answers people, not applications. An instance whose address does not belong to the cloud is left out: what
a server names is never taken for an address to send a secret to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from dataverse import clouds, odata
from dataverse.errors import ConfigurationError, InvalidAnswer
from dataverse.person_sign_in import Person
from dataverse.transport import Timeouts, Transport
from dataverse.types import Environment, Usage

_ROOT = "/api/discovery/v2.0/"
_COLUMNS = (
    "Id", "FriendlyName", "UniqueName", "UrlName", "Url", "ApiUrl", "Version", "Region", "State", "TenantId",
    "IsUserSysAdmin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance:
    """An environment as global discovery names it; `id` is its organization's."""

    id: UUID
    name: str
    unique_name: str
    url: str
    version: str
    region: str
    tenant_id: str
    enabled: bool
    administrator: bool
    """Whether the person is a System Administrator in it."""


class _Instance(msgspec.Struct, rename="pascal"):
    id: UUID
    url: str
    friendly_name: str = ""
    unique_name: str = ""
    version: str = ""
    region: str | None = None
    tenant_id: str | None = None
    state: int = 0
    is_user_sys_admin: bool = False


class _Answer(msgspec.Struct):
    value: list[_Instance]


_decode = msgspec.json.Decoder(_Answer).decode


def instances(
    person: Person,
    environment: Environment,
    *,
    unique_name: str = "",
    enabled_only: bool = False,
    usage: Usage | None = None,
    timeouts: Timeouts | None = None,
) -> list[Instance]:
    """The environments of the person in the environment's cloud (for a sandbox: those it serves), by name.

    unique_name: only the organization with this name, letter for letter. Raises DataverseError.
    """
    wanted: Sequence[str] = (
        odata.eq("UniqueName", unique_name) if unique_name else "",
        odata.eq("State", 0) if enabled_only else "",
    )
    origin = clouds.discovery(environment.cloud, environment.url)
    transport = Transport(
        environment,
        person.tokens_at(origin),
        usage=usage or Usage(),
        timeouts=timeouts or Timeouts(),
        service=(origin, _ROOT),
    )
    options = {"$select": ",".join(_COLUMNS), "$filter": " and ".join(part for part in wanted if part)}
    answer = transport.send("GET", "Instances" + odata.query(options))
    try:
        found = _decode(answer.body).value
    except msgspec.MsgspecError as error:
        raise InvalidAnswer(
            "The global discovery answered with something that is no list of environments.",
            said=str(error)[:300],
            request_id=answer.request_id,
        ) from None
    made = [_instance(one) for one in found if _known(one.url, environment, origin)]
    return sorted(made, key=lambda one: one.name.casefold())


def _known(url: str, environment: Environment, asked: str) -> bool:
    """Whether it is an address of the cloud; this machine's only from a discovery of the same host, the sandbox's."""
    here = urlsplit(clouds.origin(url)).hostname == urlsplit(asked).hostname
    try:
        clouds.check_address(url, cloud=environment.cloud, loopback_allowed=environment.loopback_allowed and here)
    except ConfigurationError:
        return False
    return True


def _instance(one: _Instance) -> Instance:
    return Instance(
        one.id, one.friendly_name, one.unique_name, clouds.origin(one.url), one.version, one.region or "",
        one.tenant_id or "", one.state == 0, one.is_user_sys_admin,
    )  # fmt: skip
