"""The control call that changes the environment: its organization, and how it treats those who customize it."""

from typing import Any
from uuid import UUID

from sandbox.base.values import parse_guid
from sandbox.environment import Environment
from sandbox.service.control_bodies import InvalidCall, check_names, read_number

_NUMBERS = ("metadata_lag_s", "user_lag_s")
_SWITCHES = ("strict_labels", "unmanaged_customizations", "metadata_privileges", "tombstones")
_NAMES = (
    "admin_mode", "disabled", "base_currency", "organization_id", "change_tracking_days", "base_language", "languages",
    "lock_s", "lock_by", "lose_columns", *_NUMBERS, *_SWITCHES,
)  # fmt: skip


def change(environment: Environment, given: dict[str, Any]) -> None:
    """Change what a call names of the environment. Raises InvalidCall."""
    check_names(given, *_NAMES)
    organization_id = parse_guid(given["organization_id"]) if "organization_id" in given else ""
    if organization_id is None:
        raise InvalidCall(f"'{given['organization_id']}' is no GUID.")
    try:
        if "base_currency" in given:
            environment.set_base_currency(str(given["base_currency"]))
        if "change_tracking_days" in given:
            environment.set_change_tracking_days(int(read_number(given, "change_tracking_days", 7)))
    except ValueError as error:
        raise InvalidCall(str(error)) from None
    if organization_id:
        environment.set_organization_id(UUID(organization_id))
    environment.admin_mode = bool(given.get("admin_mode", environment.admin_mode))
    environment.disabled = bool(given.get("disabled", environment.disabled))
    _change_customization(environment, given)


def _change_customization(environment: Environment, given: dict[str, Any]) -> None:
    state = environment.customization
    if "base_language" in given:
        environment.set_base_language(int(read_number(given, "base_language", 0)))
    if "languages" in given:
        languages = given["languages"]
        if not isinstance(languages, list) or not all(type(one) is int for one in languages):
            raise InvalidCall("'languages' must be a list of language codes, such as 1031.")
        state.languages = tuple(languages)
    for name in _NUMBERS:
        setattr(state, name, read_number(given, name, getattr(state, name)))
    for name in _SWITCHES:
        setattr(state, name, bool(given.get(name, getattr(state, name))))
    state.lose_columns = int(read_number(given, "lose_columns", state.lose_columns))
    if "lock_s" in given:
        state.lock_until = environment.clock.now() + read_number(given, "lock_s", 0)
    if given.get("lock_by", state.lock_by) not in {"EntityCustomization", "Import"}:
        raise InvalidCall("'lock_by' is EntityCustomization or Import.")
    state.lock_by = str(given.get("lock_by", state.lock_by))
