"""Columns of outcomes that are told from what is kept of each, when somebody reads them (models.JobOutcome.tell).

What stands in the columns themselves is that of outcomes that are kept as they are, as all were before.
"""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
    _JSONField = models.JSONField[Any, Any]
else:
    _TextField, _JSONField = models.TextField, models.JSONField


class _Told(DeferredAttribute):
    """A message or a detail, told at the first look. One that is set takes the place of what is told."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is not None:
            instance.tell()
        return super().__get__(instance, cls)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.tell()
        instance.__dict__[self.field.attname] = value


class ToldTextField(_TextField):
    """A text that is told."""

    descriptor_class = _Told

    def deconstruct(self) -> Any:
        """Return what migrations know it by: a text."""
        name, _, given, options = super().deconstruct()
        return name, "django.db.models.TextField", given, options


class ToldJSONField(_JSONField):
    """A JSON value that is told."""

    descriptor_class = _Told

    def deconstruct(self) -> Any:
        """Return what migrations know it by: a JSON value."""
        name, _, given, options = super().deconstruct()
        return name, "django.db.models.JSONField", given, options
