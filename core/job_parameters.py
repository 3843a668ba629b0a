"""What a job is asked to do: one frozen class per kind of job writes its parameters and reads them. No Django."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec


class JobParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of one kind of job, as kept with its row; never a secret. Subclasses name the fields."""

    def dump(self) -> dict[str, Any]:
        """Return them as JSON values, as `Job.parameters` keeps them."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Self:
        """Return the parameters kept with a job. Raises msgspec.ValidationError for fields or values not known."""
        return msgspec.convert(dict(kept), cls)
