"""The options of one choice column: read as they are published, added, renamed, published. No Django.

Many are changed in one $batch. An option is added under a value that the caller chose, so that a repeat after a lost
answer adds no second one: Dataverse refuses the value, and reading back shows whose it is.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

from dataverse.errors import DataverseError, Throttled
from dataverse.types import Organization, PartResult, Request, TableInfo


class Sender(Protocol):
    """The part of the client that options are read and changed by."""

    def forget_tables(self) -> None: ...  # noqa: D102
    def table(self, logical_name: str) -> TableInfo: ...  # noqa: D102
    def organization(self) -> Organization: ...  # noqa: D102
    def batch(self, requests: Sequence[Request]) -> list[PartResult]: ...  # noqa: D102
    def action(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any: ...  # noqa: D102


class ColumnChoices:
    """The options of a choice column of a table."""

    def __init__(self, client: Sender, table: str, column: str) -> None:
        self._client, self.table, self.column = client, table, column

    def read(self) -> dict[int, str]:
        """Return the published options, value -> label, as Dataverse has them now; {} where the column is gone."""
        self._client.forget_tables()
        column = self._client.table(self.table).columns.get(self.column)
        return dict(column.choices) if column is not None else {}

    def change(self, added: Mapping[int, str], renamed: Mapping[int, str]) -> dict[int, DataverseError]:
        """Add options and rename others, value -> label, then publish them. Return the refusals by value.

        Where publishing is refused, so are all of them: they do not show yet. Raises what refuses the whole, and
        Throttled where a limit stopped a part: the same may then be asked for again.
        """
        language = next(iter(self._client.organization().languages), 1033)
        about = {"EntityLogicalName": self.table, "AttributeLogicalName": self.column}
        requests = [
            Request("POST", action, {**about, "Value": value, "Label": _label(text, language), **more})
            for action, options, more in (
                ("InsertOptionValue", added, {}), ("UpdateOptionValue", renamed, {"MergeLabels": True}),
            )
            for value, text in options.items()
        ]  # fmt: skip
        results = self._client.batch(requests)
        xml = f"<importexportxml><entities><entity>{escape(self.table)}</entity></entities></importexportxml>"
        errors = {
            value: one.error
            for value, one in zip((*added, *renamed), results, strict=True)
            if isinstance(one.error, DataverseError)
        }
        if waiting := next((error for error in errors.values() if isinstance(error, Throttled)), None):
            raise waiting
        values = [*added, *renamed]
        if all(value in errors and errors[value].reason == "denied" for value in values):
            return errors  # nothing is new; a value that is there already may wait for being published
        try:
            self._client.action("PublishXml", {"ParameterXml": xml}, repeatable=True)
        except Throttled:
            raise
        except DataverseError as error:
            return dict.fromkeys(values, error)
        return errors


def _label(text: str, language: int) -> dict[str, Any]:
    """Return a label as the metadata takes it, in the organization's base language (LCID)."""
    return {
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [
            {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": language}
        ],
    }
