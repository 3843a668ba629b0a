"""Validate Field: what a value from Dataverse has to pass before the local field is written with it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.models import Field, Model

LocalCheck = Callable[[Any], str]
"""Returns why the local field does not take a value, "" where it does."""


def local_check(model: type[Model], name: str, *, validate: bool) -> LocalCheck | None:
    """Return the check of a model's field, None where there is nothing to check but its length.

    validate: by all that the field's own clean() asks for; otherwise by what the database can hold alone.
    """
    column = model._meta.get_field(name)
    if not isinstance(column, Field) or column.is_relation:
        return None
    asked = [one for one in column.validators if not isinstance(one, MaxLengthValidator)]
    if validate and _is_of_its_own_kind(column):
        return _checked_by(lambda value: column.clean(value, None))  # it may clean as it likes
    if not validate:
        asked = [one for one in asked if one not in _rules(column)]
    if not asked:
        return None

    def run(value: Any) -> None:
        if value in column.empty_values:
            return
        for validator in asked:
            validator(value)

    return _checked_by(run)


def has_rules(model: type[Model], name: str) -> bool:
    """Return whether Validate Field makes a difference for a model's field."""
    column = model._meta.get_field(name)
    if not isinstance(column, Field) or column.is_relation:
        return False
    return bool(_rules(column)) or _is_of_its_own_kind(column)


def _rules(column: "Field[Any, Any]") -> list[Any]:
    """Return the validators that a model chose, without those that follow from what the database can hold."""
    return [*column.default_validators, *getattr(column, "_validators", ())]


def _is_of_its_own_kind(column: "Field[Any, Any]") -> bool:
    return not type(column).__module__.startswith("django.")


def _checked_by(run: Callable[[Any], object]) -> LocalCheck:
    def check(value: Any) -> str:
        # Trailing zeros are no digits of the number: 5.0000 fits where 5.00 does.
        plain = Decimal(f"{value.normalize():f}") if isinstance(value, Decimal) else value
        try:
            run(plain)
        except ValidationError as error:
            return " ".join(str(message) for message in error.messages)
        return ""

    return check
