"""All that is behind one sandbox: its tenants, and the environments that belong to them, each at an address of its own.

There are two tenants from the start, so that a sign-in in the wrong one can be tried; environments beside the first
are made by a control call. All share one clock.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.base.clock import Clock
from sandbox.identity.sign_in import SignIn
from sandbox.identity.tenant import Tenant, local_origins

if TYPE_CHECKING:
    from sandbox.environment import Environment

TENANT_ID = "7a9d1c52-5f0e-4b6a-9a55-3a1f0c9b7d10"
DOMAIN = "tandem-sandbox.example"
OTHER_TENANT_ID = "3f8b6a90-1d27-4c1e-8f2b-95d0e4c7a6b8"
OTHER_DOMAIN = "other-sandbox.example"


@dataclass(frozen=True, slots=True)
class Place:
    """An environment and where it is served."""

    environment: "Environment"
    origin: str


class Directory:
    """Tenants and environments of one sandbox."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tenants = {
            TENANT_ID: Tenant(TENANT_ID, self.clock, "Tandem Sandbox", DOMAIN, self.resource),
            OTHER_TENANT_ID: Tenant(OTHER_TENANT_ID, self.clock, "Other Sandbox", OTHER_DOMAIN, self.resource),
        }
        self.sign_ins = {one.id: SignIn(one, self.clock) for one in self.tenants.values()}
        self._places: list[Place] = []
        self._lock = threading.Lock()
        self.serve: Callable[[Environment], dict[str, str]] | None = None
        """Serves another environment beside the first and tells how to connect; set by whoever runs the first."""

        self.close_others: Callable[[], None] = lambda: None
        """Serves only the first environment again."""

    def tenant(self, name: str, home: str) -> Tenant | None:
        """The tenant with an id or a domain name; `home` for the names that mean the asker's own."""
        wanted = name.lower()
        if wanted in {"organizations", "common"}:
            wanted = home
        return next((one for one in self.tenants.values() if wanted in {one.id, one.domain}), None)

    def opened(self, environment: "Environment", origin: str) -> None:
        """An environment is served at an address."""
        with self._lock:
            self._places.append(Place(environment, origin.lower()))

    def closed(self, environment: "Environment") -> None:
        """An environment is served no longer."""
        with self._lock:
            self._places = [one for one in self._places if one.environment is not environment]

    def places(self) -> list[Place]:
        """All environments that are served."""
        with self._lock:
            return list(self._places)

    def resource(self, tenant_id: str, resource: str, asked_at: str, person: bool) -> bool:
        """Whether a tenant knows a resource (an origin) that a token is asked for, at the address that is asked.

        Every port is global discovery too, which all tenants know and only people ask.
        """
        for place in self.places():
            if (person or place.environment.tenant.id == tenant_id) and resource in local_origins(place.origin):
                return True
        # A proxy before the sandbox has an address of its own.
        here = [place for place in self.places() if asked_at in local_origins(place.origin)]
        return not here and resource in local_origins(asked_at)
