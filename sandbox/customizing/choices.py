"""Changes of choices: the options of a column, and global choices that several columns share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree  # nosec B405

from sandbox.base.errors import ServiceError, not_covered
from sandbox.base.values import from_json
from sandbox.customizing.base import CustomizerBase, component_in_use, invalid_definition, read_label
from sandbox.data import privileges
from sandbox.metadata.model import Choice, OptionSet


class ChoiceCustomizer(CustomizerBase):
    """Creates, changes and deletes options."""

    def find_option_set(self, key: str) -> OptionSet:
        """Return the global choice that a key names. Raises 404."""
        text = key.strip()
        name, equals, value = text.partition("=")
        wanted = value.strip().strip("'") if equals and name.strip() == "Name" else text.strip("'")
        for one in self.environment.choices.values():
            if wanted in {one.name, str(one.id)}:
                return one
        raise ServiceError(404, "0x80060888", f"Could not find an optionset with name {wanted}.")

    def create_option_set(self, body: Mapping[str, Any]) -> OptionSet:
        """Add a global choice and return it. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateOptionSet")
        name = str(body.get("Name") or "")
        self._check_prefix(name, "OptionSet")
        if name in self.environment.choices:
            raise ServiceError(400, "0x80048403", f"An option set with the name {name} already exists.")
        if str(body.get("OptionSetType") or "Picklist") != "Picklist":
            raise not_covered("global choices that are no Picklist")
        option_set = OptionSet(
            name, read_label(body.get("DisplayName")) or name, self._read_options(body.get("Options"))
        )
        self.environment.choices[name] = option_set
        return option_set

    def delete_option_set(self, option_set: OptionSet) -> None:
        """Delete a global choice that no column uses. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvDeleteOptionSet")
        users = [
            column
            for table in self.environment.tables.values()
            for column in table.columns.values()
            if column.choice_set == option_set.name
        ]
        if users:
            raise component_in_use("OptionSet", option_set.name, len(users))
        del self.environment.choices[option_set.name]

    def change_options(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out Insert-, Update- or DeleteOptionValue; return its answer. Raises ServiceError.

        Readers of definitions and writers of rows see the change once it is published.
        """
        privileges.require_named_privilege(self.caller, "prvWriteAttribute")
        shared = body.get("OptionSetName")
        if shared:
            name, published = str(shared), self.find_option_set(str(shared)).choices
        else:
            table = self.environment.tables.get(str(body.get("EntityLogicalName")))
            column = None if table is None else table.columns.get(str(body.get("AttributeLogicalName")))
            if table is None or column is None or column.type not in {"Picklist", "MultiSelectPicklist"}:
                raise invalid_definition(
                    f"The action '{action}' needs OptionSetName, or a table and one of its choice columns."
                )
            name, published = f"{table.name}.{column.name}", column.choices
        options = list(self.environment.unpublished.get(name, published))
        value, text = body.get("Value"), read_label(body.get("Label"))
        if action == "InsertOptionValue":
            number = value if isinstance(value, int) else self._next_value(options)
            if any(one.value == number for one in options):
                raise ServiceError(400, "0x80048403", f"The option value {number} is there already.")
            options.append(Choice(number, text or str(number)))
        else:
            number = value if isinstance(value, int) else -1
            if all(one.value != number for one in options):
                raise ServiceError(400, "0x80048403", f"There is no option with the value {value}.")
            options = [
                replace(one, label=text or one.label) if one.value == number else one
                for one in options
                if action != "DeleteOptionValue" or one.value != number
            ]
        self.environment.unpublished[name] = tuple(options)
        return {"NewOptionValue": number} if action == "InsertOptionValue" else {}

    def publish(self, parameters: str | None) -> None:
        """Publish what a PublishXml names; None publishes everything. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvPublishCustomization")
        named = None if parameters is None else _named_in(parameters)
        for name in list(self.environment.unpublished):
            if named is None or name.partition(".")[0] in named:
                self._set_options(name, self.environment.unpublished.pop(name))

    def _set_options(self, name: str, options: tuple[Choice, ...]) -> None:
        tables = self.environment.tables
        owner, of_column, column_name = name.partition(".")
        if of_column:
            found = tables[owner].columns.get(column_name) if owner in tables else None
            users = [(tables[owner], found)] if found is not None else []
        else:
            if owner in self.environment.choices:
                self.environment.choices[owner] = replace(self.environment.choices[owner], choices=options)
            users = [(t, c) for t in tables.values() for c in t.columns.values() if c.choice_set == owner]
        for table, column in users:
            table.columns[column.name] = replace(column, choices=options)
            table.rebuild_index()

    def _read_options(self, given: Any) -> tuple[Choice, ...]:
        if not isinstance(given, list):
            raise invalid_definition("A choice needs a list of Options.")
        options: list[Choice] = []
        for one in given:
            if not isinstance(one, Mapping):
                raise invalid_definition("An option is an object.")
            value = one.get("Value")
            number = value if isinstance(value, int) else self._next_value(options)
            if any(known.value == number for known in options):
                raise ServiceError(400, "0x80048403", f"The option value {number} is there twice.")
            options.append(Choice(number, read_label(one.get("Label")) or str(number)))
        return tuple(options)

    def _next_value(self, options: "list[Choice]") -> int:
        """Return the value of an option for which none is given; they start with the publisher's prefix."""
        rows = self.environment.store.rows["publisher"]
        prefixes = [from_json(rows.fragment(i, "customizationoptionvalueprefix")) for i in rows.live_positions()]
        first = int(next((one for one in prefixes if one), 10_000)) * 10_000
        return max([first - 1, *(one.value for one in options)]) + 1


def _named_in(parameters: str) -> set[str]:
    """Return the tables and global choices that a PublishXml's ParameterXml names. Raises 400."""
    try:
        root = ElementTree.fromstring(parameters)  # noqa: S314 - of a test's own client  # nosec B314
    except ElementTree.ParseError as error:
        raise ServiceError(400, "0x80040203", f"The ParameterXml is not valid: {error}.") from None
    if root.tag != "importexportxml":
        raise ServiceError(400, "0x80040203", "The ParameterXml has no importexportxml.")
    return {str(one.text or "").strip() for one in root.iter() if one.tag in {"entity", "optionset"}}
