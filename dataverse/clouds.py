"""The clouds Dataverse runs in: where an application signs in, and which hosts may be an environment.

The sign-in authority always comes from here (for a sandbox on loopback: the environment's own origin), never from an
answer of a server, so that no answer can lead a secret elsewhere. Source: Dataverse "Datacenter regions" and "Global
discovery service", Microsoft Entra "National clouds".
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from dataverse.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud.

    authority: where applications sign in; discovery: the origin of its global discovery service; zone: the pattern of
    what follows an organization's name in its hosts; example: one such host.
    """

    name: str
    label: str
    authority: str
    discovery: str
    zone: str
    example: str

    def has(self, host: str) -> bool:
        """Return whether the host (lower case) is an environment's of this cloud: NAME.zone, or NAME.api.zone."""
        return re.fullmatch(rf"[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?(?:\.api)?\.{self.zone}", host) is not None


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="commercial",
            label="Commercial",
            authority="https://login.microsoftonline.com",
            discovery="https://globaldisco.crm.dynamics.com",
            zone=r"crm(?!9\.)[0-9]{0,3}\.dynamics\.com",
            example="contoso.crm4.dynamics.com",
        ),
        Cloud(
            name="gcc",
            label="US Government (GCC)",
            authority="https://login.microsoftonline.com",
            discovery="https://globaldisco.crm9.dynamics.com",
            zone=r"crm9\.dynamics\.com",
            example="contoso.crm9.dynamics.com",
        ),
        Cloud(
            name="gcc_high",
            label="US Government (GCC High)",
            authority="https://login.microsoftonline.us",
            discovery="https://globaldisco.crm.microsoftdynamics.us",
            zone=r"crm\.microsoftdynamics\.us",
            example="contoso.crm.microsoftdynamics.us",
        ),
        Cloud(
            name="dod",
            label="US Department of Defense",
            authority="https://login.microsoftonline.us",
            discovery="https://globaldisco.crm.appsplatform.us",
            zone=r"crm\.appsplatform\.us",
            example="contoso.crm.appsplatform.us",
        ),
        Cloud(
            name="china",
            label="China (operated by 21Vianet)",
            authority="https://login.partner.microsoftonline.cn",
            discovery="https://globaldisco.crm.dynamics.cn",
            zone=r"crm[0-9]{0,3}\.dynamics\.cn",
            example="contoso.crm.dynamics.cn",
        ),
    )
}

_TENANT = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9][A-Za-z0-9.-]{0,250}\.[A-Za-z]{2,}"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An environment's address, checked; `suggested` where it differs from what was typed."""

    url: str
    suggested: bool


ANY_TENANT = "organizations"
"""The name that the sign-in service takes for the tenant of whoever signs in."""
LONGEST_ADDRESS = 250
"""Characters of an environment's address."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""Characters that two readers of an address could read differently, or that hide its host."""


def is_tenant_id(text: str) -> bool:
    """Return whether a tenant is named by its id, not by a domain name."""
    return _GUID.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Return scheme, host and port (unless it is the scheme's own), lower case; "" for what is no absolute address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host or parts.scheme not in {"http", "https"}:
        return ""
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


def check_address(typed: str, *, cloud: str = "commercial", loopback_allowed: bool = False) -> Address:
    """Return the address of an environment as a person typed it, checked.

    A missing scheme is added and anything after the host removed (then `suggested` is set); letters keep their case.
    Raises ConfigurationError for anything that cannot be an environment of that cloud.
    """
    text = typed.strip().rstrip("/")
    if not text:
        raise ConfigurationError(
            "The Environment URL is empty.",
            "Enter the address of the Dataverse environment, for example https://contoso.crm4.dynamics.com.",
        )
    if len(text) > LONGEST_ADDRESS:
        raise ConfigurationError(
            f"The Environment URL is longer than {LONGEST_ADDRESS} characters.",
            "Enter the address of the environment alone, for example https://contoso.crm4.dynamics.com.",
        )
    parts = None if _AMBIGUOUS.search(text) else _split(text if "://" in typed else f"https://{text}")
    if parts is None:
        raise ConfigurationError(
            f"{text[:80]} is not a web address.",
            "Enter one like https://contoso.crm4.dynamics.com; the Power Platform admin center shows it under "
            "Environment URL.",
        )
    if parts.scheme != "https":
        raise ConfigurationError(
            f"The Environment URL begins with {parts.scheme}://, but Dataverse is reached over https only.",
            "Enter https:// instead.",
        )
    if "@" in text:
        raise ConfigurationError(
            "The Environment URL must not contain a user name or password, nor any @.",
            "Enter the address alone.",
        )
    host = parts.hostname or ""
    if is_loopback(host):
        if not loopback_allowed:
            raise ConfigurationError(
                f"{host} is this machine itself, not a Dataverse environment. A sandbox may be connected to only where "
                "SANDBOX_ALLOWED is 1.",
                "Enter the environment's address.",
            )
    else:
        _check_host(host, parts, cloud)
    url = f"{parts.scheme}://{parts.netloc}"
    if parts.port == 443:
        url = url.removesuffix(":443")
    return Address(url, suggested=url.lower() != text.lower())


def cloud_of(url: str) -> str:
    """Return the name of the cloud whose environments have such an address; commercial where none does."""
    host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    return next((cloud.name for cloud in CLOUDS.values() if cloud.has(host)), "commercial")


def authority(cloud: str, tenant: str, environment_url: str, *, any_tenant: bool = False) -> str:
    """Return the tenant's sign-in address: of the cloud, or of the sandbox itself where the environment is on loopback.

    any_tenant: a blank tenant means that of whoever signs in. Raises ConfigurationError when the tenant is neither a
    GUID nor a domain name, or the cloud is unknown.
    """
    tenant = tenant.strip()
    if any_tenant and not tenant:
        tenant = ANY_TENANT
    elif not _TENANT.fullmatch(tenant):
        raise ConfigurationError(
            "The Tenant ID is missing or not valid.",
            "Enter the Directory (tenant) ID from the application's registration, a GUID, or the tenant's domain name.",
            reason="sign_in",
        )
    if is_loopback(urlsplit(environment_url).hostname or ""):
        return f"{origin(environment_url)}/{tenant}"
    return f"{_get_cloud(cloud).authority}/{tenant}"


def discovery(cloud: str, environment_url: str) -> str:
    """Return the origin of the cloud's global discovery; a sandbox is its own. Raises ConfigurationError."""
    if is_loopback(urlsplit(environment_url).hostname or ""):
        return origin(environment_url)
    return _get_cloud(cloud).discovery


def _get_cloud(name: str) -> Cloud:
    if name not in CLOUDS:
        raise ConfigurationError(f"There is no cloud {name!r}.", f"Choose one of {', '.join(CLOUDS)}.")
    return CLOUDS[name]


def _split(text: str) -> SplitResult | None:
    """Return the parts of an absolute http or https address, or None."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port  # reading it raises for a port that is none
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[A-Za-z0-9:.\-]+", host):
        return None
    return parts


def _check_host(host: str, parts: SplitResult, cloud_name: str) -> None:
    """Raise ConfigurationError unless the host is an environment's of the cloud, on the usual port."""
    cloud = _get_cloud(cloud_name)
    if parts.port not in (None, 443):
        raise ConfigurationError(
            f"The Environment URL names port {parts.port}, but Dataverse answers on the usual port only.",
            "Leave the port out.",
        )
    if cloud.has(host):
        return
    other = next((other for other in CLOUDS.values() if other.has(host)), None)
    if other is not None:
        raise ConfigurationError(
            f"{host} belongs to the cloud {other.label}, but {cloud.label} is chosen.",
            f"Choose {other.label} in the field Cloud.",
        )
    raise ConfigurationError(
        f"{host} is not the address of a Dataverse environment in the cloud {cloud.label}.",
        f"Enter an address like https://{cloud.example}; the Power Platform admin center shows the right one "
        "under Environment URL.",
    )
