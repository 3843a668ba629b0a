"""How an environment treats those who customize it: languages, locks, lags, and whether it takes anything unmanaged.

Each can be set by a control call. At rest the environment is kind: one language, no lock, and what is made is there at
once. What the service does, with sources: docs/sandbox.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.base.errors import ServiceError

ENGLISH = 1033
TOMBSTONE_S = 1800.0
"""How long the name of a deleted table stays reserved, where `tombstones` is on."""
_LOCKED = (
    "Cannot start another [EntityCustomization] because there is a previous [EntityCustomization] running at this "
    "moment."
)
_LOCKED_BY_IMPORT = (
    "Microsoft.Crm.ObjectModel.CustomizationLockException: Cannot start the requested operation [EntityCustomization] "
    "because there is another [Import] running at this moment. Use Solution History for more details. -- The solution "
    "installation or removal failed due to the installation or removal of another solution at the same time. Please "
    "try again later."
)
_BLOCKED = (
    "This environment doesn't allow unmanaged customizations. This was a choice made by your admin, and certain "
    "actions won't be available or will be view only."
)


@dataclass(slots=True)
class Customization:
    """What can be set, and what was made lately. `now` is the sandbox's clock, in seconds since 1970.

    languages: what RetrieveProvisionedLanguages answers, which may lack the base language; strict_labels: refuse a
    label of another language on every column, not on dates, memos and lookups alone; metadata_lag_s, user_lag_s: for
    how long a new definition and a new user are not seen; lock_until, lock_by: somebody else customizes or imports;
    lose_columns: how many columns the next table loses that came with it; metadata_privileges: reading definitions
    needs its privileges.
    """

    now: Callable[[], float]
    languages: tuple[int, ...] = (ENGLISH,)
    strict_labels: bool = False
    unmanaged_customizations: bool = True
    metadata_privileges: bool = True
    metadata_lag_s: float = 0
    user_lag_s: float = 0
    lock_until: float = 0
    lock_by: str = "EntityCustomization"
    lose_columns: int = 0
    tombstones: bool = False
    _shown_from: dict[str, float] = field(default_factory=dict)
    _reserved_until: dict[str, float] = field(default_factory=dict)

    def reset(self) -> None:
        """Be kind again."""
        self.languages, self.strict_labels, self.unmanaged_customizations = (ENGLISH,), False, True
        self.metadata_privileges, self.metadata_lag_s, self.user_lag_s = True, 0, 0
        self.lock_until, self.lock_by, self.lose_columns, self.tombstones = 0, "EntityCustomization", 0, False
        self._shown_from.clear()
        self._reserved_until.clear()

    # -- locks ---------------------------------------------------------------------------------------------------------

    def require_unlocked(self) -> None:
        """Raise the refusal of whoever customizes while somebody else does: 429, or 503 while a solution is imported.

        Neither says how long to wait.
        """
        if self.now() >= self.lock_until:
            return
        if self.lock_by == "Import":
            raise ServiceError(503, "0x80071151", _LOCKED_BY_IMPORT)
        raise ServiceError(429, "0x80071151", _LOCKED)

    def require_unmanaged_allowed(self) -> None:
        """Raise the refusal of an environment that takes managed solutions alone. Its status was not seen."""
        if not self.unmanaged_customizations:
            raise ServiceError(400, "0x80072042", _BLOCKED)

    # -- lags ----------------------------------------------------------------------------------------------------------

    def note_definition(self, *parts: str) -> None:
        """Hide a definition just made, by its table's name and its column's, for as long as the lag says."""
        self._hide(" ".join(("table", *parts)), self.metadata_lag_s)

    def note_user(self, user_id: str) -> None:
        """Keep a user just made out for as long as the lag says."""
        self._hide(f"user {user_id}", self.user_lag_s)

    def is_known_user(self, user_id: str) -> bool:
        """Return whether a user is let in already."""
        return f"user {user_id}" not in self._shown_from or f"user {user_id}" not in self.hidden()

    def hidden(self) -> frozenset[str]:
        """Return what is not seen yet: "table NAME", "table NAME COLUMN", "user ID"."""
        if not self._shown_from:
            return frozenset()
        now = self.now()
        self._shown_from = {key: until for key, until in self._shown_from.items() if until > now}
        return frozenset(self._shown_from)

    def _hide(self, key: str, seconds: float) -> None:
        if seconds > 0:
            self._shown_from[key] = self.now() + seconds

    # -- names of what was deleted -------------------------------------------------------------------------------------

    def note_deleted(self, table: str) -> None:
        """Reserve the name of a deleted table for half an hour, where that is on."""
        self._shown_from.pop(f"table {table}", None)
        if self.tombstones:
            self._reserved_until[table] = self.now() + TOMBSTONE_S

    def is_reserved(self, table: str) -> bool:
        """Return whether a deleted table still holds its name."""
        return self._reserved_until.get(table, 0) > self.now()
