"""The clouds Dataverse runs in: where an application signs in, and which hosts may be an environment.

The sign-in authority always comes from here (for a sandbox on loopback: the environment's own origin), never from an
answer of a server, so that no answer can lead a secret elsewhere.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from dataverse.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud. `zone` is the pattern of what follows an organization's name in its hosts, `example` one such host."""

    name: str
    label: str
    authority: str
    discovery: str
    zone: str
    example: str

    def has(self, host: str) -> bool:
        """Whether the host (lower case) is an environment's of this cloud: NAME.zone, or NAME.api.zone."""
        return re.fullmatch(rf"[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?(?:\.api)?\.{self.zone}", host) is not None


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "commercial",
            "Commercial",
            "https://login.microsoftonline.com",
            "https://globaldisco.crm.dynamics.com",
            r"crm(?!9\.)[0-9]{0,3}\.dynamics\.com",
            "contoso.crm4.dynamics.com",
        ),
        Cloud(
            "gcc",
            "US Government (GCC)",
            "https://login.microsoftonline.com",
            "https://globaldisco.crm9.dynamics.com",
            r"crm9\.dynamics\.com",
            "contoso.crm9.dynamics.com",
        ),
        Cloud(
            "gcc_high",
            "US Government (GCC High)",
            "https://login.microsoftonline.us",
            "https://globaldisco.crm.microsoftdynamics.us",
            r"crm\.microsoftdynamics\.us",
            "contoso.crm.microsoftdynamics.us",
        ),
        Cloud(
            "dod",
            "US Department of Defense",
            "https://login.microsoftonline.us",
            "https://globaldisco.crm.appsplatform.us",
            r"crm\.appsplatform\.us",
            "contoso.crm.appsplatform.us",
        ),
        Cloud(
            "china",
            "China (operated by 21Vianet)",
            "https://login.partner.microsoftonline.cn",
            "https://globaldisco.crm.dynamics.cn",
            r"crm[0-9]{0,3}\.dynamics\.cn",
            "contoso.crm.dynamics.cn",
        ),
    )
}

_TENANT = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9][A-Za-z0-9.-]{0,250}\.[A-Za-z]{2,}"
)


@dataclass(frozen=True, slots=True)
class Address:
    """What became of a typed environment address: the one to keep, and whether it differs from what was typed."""

    url: str
    suggested: bool


ANY_TENANT = "organizations"
"""The name the sign-in gives to the tenant of whoever signs in."""
LONGEST_ADDRESS = 250

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MISREAD = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
"""What two readers of an address could read differently, or what hides its host."""


def is_tenant_id(text: str) -> bool:
    """Whether a tenant is named by its id, not by a domain name."""
    return _GUID.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def origin(url: str) -> str:
    """Scheme, host and, unless it is the scheme's own, port; lower case. "" for what is no absolute address."""
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
    """The address of an environment as a person typed it, checked.

    A missing scheme and anything behind the host are mended, and said so (`suggested`); the case of letters is left.
    Raises ConfigurationError with a sentence for anything that cannot be an environment of that cloud.
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
    parts = None if _MISREAD.search(text) else _split(text if "://" in typed else f"https://{text}")
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
            "The Environment URL must not hold a user name or password, nor any @.",
            "Enter the address alone.",
        )
    host = parts.hostname or ""
    if is_loopback(host):
        if not loopback_allowed:
            raise ConfigurationError(
                f"{host} is this machine itself, not a Dataverse environment.",
                "Enter the environment's address. To connect to a sandbox, set SANDBOX_ALLOWED=1.",
            )
    else:
        _check_host(host, parts, cloud)
    kept = f"{parts.scheme}://{parts.netloc}"
    if parts.port == 443:
        kept = kept.removesuffix(":443")
    return Address(kept, suggested=kept.lower() != text.lower())


def cloud_of(url: str) -> str:
    """The name of the cloud whose environments have such an address; commercial where none does."""
    host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    return next((cloud.name for cloud in CLOUDS.values() if cloud.has(host)), "commercial")


def authority(cloud: str, tenant: str, environment_url: str, *, any_tenant: bool = False) -> str:
    """The tenant's sign-in address: of the cloud, or of the sandbox itself where the environment is on loopback.

    any_tenant: no tenant at all means that of whoever signs in. Raises ConfigurationError when the tenant is neither a
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
    if cloud not in CLOUDS:
        raise ConfigurationError(f"There is no cloud {cloud!r}.", f"Choose one of {', '.join(CLOUDS)}.")
    return f"{CLOUDS[cloud].authority}/{tenant}"


def discovery(cloud: str, environment_url: str) -> str:
    """The origin of the cloud's global discovery; the sandbox is its own. Raises ConfigurationError."""
    if is_loopback(urlsplit(environment_url).hostname or ""):
        return origin(environment_url)
    if cloud not in CLOUDS:
        raise ConfigurationError(f"There is no cloud {cloud!r}.", f"Choose one of {', '.join(CLOUDS)}.")
    return CLOUDS[cloud].discovery


def _split(text: str) -> SplitResult | None:
    """The parts of an absolute http or https address, or None."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port  # reading it raises for a port that is none
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[A-Za-z0-9:.\-]+", host):
        return None
    return parts


def _check_host(host: str, parts: SplitResult, cloud: str) -> None:
    if cloud not in CLOUDS:
        raise ConfigurationError(f"There is no cloud {cloud!r}.", f"Choose one of {', '.join(CLOUDS)}.")
    if parts.port not in (None, 443):
        raise ConfigurationError(
            f"The Environment URL names port {parts.port}, but Dataverse answers on the usual port only.",
            "Leave the port out.",
        )
    if CLOUDS[cloud].has(host):
        return
    other = next((other for other in CLOUDS.values() if other.has(host)), None)
    if other is not None:
        raise ConfigurationError(
            f"{host} belongs to the cloud {other.label}, but {CLOUDS[cloud].label} is chosen.",
            f"Choose {other.label} in the field Cloud.",
        )
    raise ConfigurationError(
        f"{host} is not the address of a Dataverse environment in the cloud {CLOUDS[cloud].label}.",
        f"Enter an address like https://{CLOUDS[cloud].example}; the Power Platform admin center shows the right one "
        "under Environment URL.",
    )
