"""The tenants of one sandbox, and the environments it serves for them, each at an address of its own.

There are two tenants from the start, so that a sign-in in the wrong one can be tried; environments beside the first
are made by a control call. All share one clock.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sandbox.base.clock import Clock
from sandbox.identity.sign_in import SignIn
from sandbox.identity.tenant import Tenant, local_origins

TENANT_ID = "7a9d1c52-5f0e-4b6a-9a55-3a1f0c9b7d10"
DOMAIN = "tandem-sandbox.example"
OTHER_TENANT_ID = "3f8b6a90-1d27-4c1e-8f2b-95d0e4c7a6b8"
OTHER_DOMAIN = "other-sandbox.example"


class BelongsToTenant(Protocol):
    """What the directory needs to know of an environment."""

    tenant: Tenant


EnvironmentT = TypeVar("EnvironmentT", bound=BelongsToTenant)


@dataclass(frozen=True, slots=True)
class Served(Generic[EnvironmentT]):
    """An environment and the origin at which it is served."""

    environment: EnvironmentT
    origin: str


class Directory(Generic[EnvironmentT]):
    """Tenants and served environments of one sandbox. Safe to use from several threads."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tenants = {
            TENANT_ID: Tenant(TENANT_ID, self.clock, "Tandem Sandbox", DOMAIN, self.knows_resource),
            OTHER_TENANT_ID: Tenant(OTHER_TENANT_ID, self.clock, "Other Sandbox", OTHER_DOMAIN, self.knows_resource),
        }
        self.sign_ins = {one.id: SignIn(one, self.clock) for one in self.tenants.values()}
        self._served: list[Served[EnvironmentT]] = []
        self._lock = threading.Lock()
        self.serve_another: Callable[[EnvironmentT], dict[str, str]] | None = None
        """Serves an environment beside the first and returns how to connect to it; set by whoever serves the first."""

        self.stop_others: Callable[[], None] = lambda: None
        """Stops serving all environments but the first."""

    def find_tenant(self, name: str, home: str) -> Tenant | None:
        """Return the tenant with an id or domain; `home` is the id that "organizations" and "common" stand for."""
        wanted = name.lower()
        if wanted in {"organizations", "common"}:
            wanted = home
        return next((one for one in self.tenants.values() if wanted in {one.id, one.domain}), None)

    def add(self, environment: EnvironmentT, origin: str) -> None:
        """List an environment that is served from now on."""
        with self._lock:
            self._served.append(Served(environment, origin.lower()))

    def remove(self, environment: EnvironmentT) -> None:
        """List an environment no longer."""
        with self._lock:
            self._served = [one for one in self._served if one.environment is not environment]

    def served(self) -> list[Served[EnvironmentT]]:
        """Return all environments that are served, the first one in front."""
        with self._lock:
            return list(self._served)

    def is_first(self, environment: EnvironmentT) -> bool:
        """Return whether an environment is the one that was served first."""
        served = self.served()
        return bool(served) and served[0].environment is environment

    def knows_resource(self, tenant_id: str, resource: str, *, asked_at: str, for_person: bool) -> bool:
        """Return whether a tenant issues tokens for a resource (an origin), asked for at the origin `asked_at`.

        Every port is global discovery too, which all tenants know and only people use.
        """
        served = self.served()
        for one in served:
            if (for_person or one.environment.tenant.id == tenant_id) and resource in local_origins(one.origin):
                return True
        # A proxy before the sandbox has an address of its own.
        is_proxy = not any(asked_at in local_origins(one.origin) for one in served)
        return is_proxy and resource in local_origins(asked_at)
