"""Ids that take 16 bytes in every database: SQLite has no type for them, and keeps others as 32 letters."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models

if TYPE_CHECKING:
    _UUIDField = models.UUIDField[Any, Any]
else:
    _UUIDField = models.UUIDField


class CompactUUIDField(_UUIDField):
    """An id that is compared with given ones alone, never with another column, which would be kept as letters."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "uuid" if connection.features.has_native_uuid_field else "blob"

    def get_internal_type(self) -> str:
        """Return what the database's own conversions go by: there are none for bytes."""
        return "BinaryField"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the id as the driver takes it."""
        found = value if prepared else self.to_python(value)
        return found if found is None or connection.features.has_native_uuid_field else found.bytes

    def from_db_value(self, value: Any, *_: Any) -> UUID | None:
        """Return the id as the driver gave it."""
        return value if value is None or isinstance(value, UUID) else UUID(bytes=bytes(value))
