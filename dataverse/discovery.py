"""Global discovery: the environments a person may work in.

The service answers people, not applications. An instance whose address does not belong to the cloud is left out: what
a server names is never taken for an address to send a secret to. Source: "Discover the URL for your organization".
"""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from dataverse import clouds, odata
from dataverse.errors import ConfigurationError, InvalidAnswer
from dataverse.http_session import Timeouts
from dataverse.person_sign_in import Person
from dataverse.transport import Service, Transport
from dataverse.types import Environment, Usage

_ROOT = "/api/discovery/v2.0/"
_COLUMNS = (
    "Id", "FriendlyName", "UniqueName", "UrlName", "Url", "ApiUrl", "Version", "Region", "State", "TenantId",
    "IsUserSysAdmin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance:
    """An environment as global discovery describes it; `id` is its organization's."""

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


def find_instances(
    person: Person,
    environment: Environment,
    *,
    unique_name: str = "",
    enabled_only: bool = False,
    usage: Usage | None = None,
    timeouts: Timeouts | None = None,
) -> list[Instance]:
    """Return the person's environments in the environment's cloud (for a sandbox: those it serves), sorted by name.

    unique_name: only the organization with this name, letter for letter. Raises DataverseError.
    """
    conditions = [odata.eq("UniqueName", unique_name)] if unique_name else []
    conditions += [odata.eq("State", 0)] if enabled_only else []
    origin = clouds.discovery(environment.cloud, environment.url)
    transport = Transport(
        environment,
        person.tokens_for_origin(origin),
        usage=usage or Usage(),
        timeouts=timeouts or Timeouts(),
        service=Service(origin, _ROOT),
    )
    options = {"$select": ",".join(_COLUMNS), "$filter": " and ".join(conditions)}
    answer = transport.send("GET", "Instances" + odata.query(options))
    try:
        found = _decode(answer.body).value
    except msgspec.MsgspecError as error:
        raise InvalidAnswer(
            "The global discovery service answered with something that is no list of environments.",
            said=str(error)[:300],
            request_id=answer.request_id,
        ) from None
    instances = [_to_instance(one) for one in found if _may_be_environment(one.url, environment, origin)]
    return sorted(instances, key=lambda one: one.name.casefold())


def _may_be_environment(url: str, environment: Environment, discovery: str) -> bool:
    """Return whether it is an address of the cloud; this machine's only from a discovery on the same host."""
    same_host = urlsplit(clouds.origin(url)).hostname == urlsplit(discovery).hostname
    loopback_allowed = environment.loopback_allowed and same_host
    try:
        clouds.check_address(url, cloud=environment.cloud, loopback_allowed=loopback_allowed)
    except ConfigurationError:
        return False
    return True


def _to_instance(found: _Instance) -> Instance:
    return Instance(
        id=found.id,
        name=found.friendly_name,
        unique_name=found.unique_name,
        url=clouds.origin(found.url),
        version=found.version,
        region=found.region or "",
        tenant_id=found.tenant_id or "",
        enabled=found.state == 0,
        administrator=found.is_user_sys_admin,
    )
