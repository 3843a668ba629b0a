"""The company table, the columns that refer to it, and what else a lookup pulls into the solution."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from connection_setup.provisioning import definitions
from connection_setup.provisioning.client import Definer, first_row, read_definition
from connection_setup.provisioning.languages import Languages
from connection_setup.provisioning.settling import Settling, is_absent
from connection_setup.types import COMPANY_SET, COMPANY_TABLE, SOLUTION
from dataverse import odata
from dataverse.errors import AccessDenied, CustomizationLocked, DataverseError

TABLE_COMPONENT = 1
"""Component type of a table."""
_PUBLISH = f"<importexportxml><entities><entity>{COMPANY_TABLE}</entity></entities></importexportxml>"


def make_tables(client: Definer, languages: Languages, settling: Settling) -> bool:
    """Make the company table, and the lookup to it on definitions.WITH_COMPANY. Return whether something was made.

    Each is read back before the next is made: both ends of a lookup must have settled. Raises NotSettled, Blocked,
    DataverseError.
    """
    client.forget_tables()  # what is cached may have been changed by somebody else
    made = _make_company(client, languages, settling)
    for name in tables_with_company(client):
        column = definitions.COMPANY_LOOKUP.lower()
        found = settling.ensure(
            f"lookup {name}", what=f"The lookup {column} of the table {name}", there=_reader(client, name, column),
            make=_maker(client, definitions.company_lookup(name, languages)),
        )  # fmt: skip
        made = found or made
    settling.ensure("rows", what=f"The rows of {COMPANY_TABLE}", there=lambda: _shows_rows(client), make=lambda: None)
    return made


def _make_company(client: Definer, languages: Languages, settling: Settling) -> bool:
    """Make the company table with its columns, one after the other. Return whether something was made."""
    made = [
        settling.ensure(
            "table", what=f"The table {COMPANY_TABLE}", there=lambda: column_names(client, COMPANY_TABLE) is not None,
            make=lambda: client.define("EntityDefinitions", definitions.company(languages), solution=SOLUTION),
        ),
        # The service makes a table with its columns piece by piece, and may lose one.
        settling.ensure(
            "external id", what="The column tandem_externalid",
            there=_reader(client, COMPANY_TABLE, "tandem_externalid"),
            make=lambda: client.define(
                f"EntityDefinitions(LogicalName='{COMPANY_TABLE}')/Attributes", definitions.external_id(languages),
                solution=SOLUTION,
            ),
        ),
        settling.ensure(
            "owning team", what="The lookup tandem_defaultowningteam",
            there=_reader(client, COMPANY_TABLE, "tandem_defaultowningteam"),
            make=_maker(client, definitions.owning_team(languages)),
        ),
    ]  # fmt: skip
    return any(made)


def tables_with_company(client: Definer) -> list[str]:
    """Return those of definitions.WITH_COMPANY that the environment has; one without Sales lacks some."""
    paths = {name: f"EntityDefinitions(LogicalName='{name}')?$select=LogicalName" for name in definitions.WITH_COMPANY}
    return [name for name, path in paths.items() if read_definition(client, path) is not None]


def column_names(client: Definer, table: str) -> frozenset[str] | None:
    """Return the logical names of a table's columns; None where there is no such table, or not yet."""
    body = read_definition(client, f"EntityDefinitions(LogicalName='{table}')/Attributes?$select=LogicalName")
    return None if body is None else frozenset(str(one["LogicalName"]) for one in body["value"])


def has_column(client: Definer, table: str, column: str) -> bool:
    """Return whether a column can be read."""
    return column in (column_names(client, table) or ())


def missing_columns(client: Definer) -> list[str]:
    """Return what of the solution's table and columns cannot be read, each as a sentence names it."""
    there = column_names(client, COMPANY_TABLE)
    if there is None:
        return [f"the table {COMPANY_TABLE}"]
    missing = [f"the column {one} of {COMPANY_TABLE}" for one in definitions.COMPANY_COLUMNS if one not in there]
    lookup = definitions.COMPANY_LOOKUP.lower()
    return missing + [
        f"the lookup {lookup} of {name}" for name in tables_with_company(client) if not has_column(client, name, lookup)
    ]


def take_out_referenced(client: Definer) -> list[str]:
    """Take out of the solution the tables that a lookup pulled in and that are none of its own; return their names.

    A table that stays would be exported, and uninstalled, with the solution. Raises DataverseError.
    """
    own = {COMPANY_TABLE, *definitions.WITH_COMPANY}
    solution = first_row(client, "solutions", ["solutionid"], odata.eq("uniquename", SOLUTION))
    if solution is None:
        return []
    of_solution = odata.eq(odata.lookup("solutionid"), UUID(solution["solutionid"]))
    tables = odata.all_of(of_solution, odata.eq("componenttype", TABLE_COMPONENT))
    rows = client.first_page("solutioncomponents", select=["objectid"], filter=tables).rows
    taken = []
    for row in rows:
        found = read_definition(client, f"EntityDefinitions({row['objectid']})?$select=LogicalName")
        name = str(found["LogicalName"]) if found else ""
        if not name or name in own:
            continue
        client.action("RemoveSolutionComponent", _component(str(row["objectid"])), repeatable=True)
        taken.append(name)
    return sorted(taken)


def publish(client: Definer) -> str:
    """Publish the company table, so that its labels show; return what did not work, "" where it did."""
    try:
        client.action("PublishXml", {"ParameterXml": _PUBLISH}, repeatable=True)
    except CustomizationLocked:
        raise
    except DataverseError as error:
        return error.message
    return ""


def _component(object_id: str) -> Mapping[str, Any]:
    return {
        "SolutionComponent": {
            "@odata.type": "Microsoft.Dynamics.CRM.solutioncomponent", "solutioncomponentid": object_id,
        },
        "ComponentType": TABLE_COMPONENT, "SolutionUniqueName": SOLUTION,
    }  # fmt: skip


def _maker(client: Definer, body: Mapping[str, Any]) -> Callable[[], None]:
    return lambda: client.define("RelationshipDefinitions", body, solution=SOLUTION)


def _reader(client: Definer, table: str, column: str) -> Callable[[], bool]:
    return lambda: has_column(client, table, column)


def _shows_rows(client: Definer) -> bool:
    """Return whether rows of the company table can be asked for with all its columns."""
    columns = "tandem_name,tandem_externalid,_tandem_defaultowningteam_value"
    try:
        client.function(f"{COMPANY_SET}?$select={columns}&$top=1")
    except AccessDenied:  # an administrator without access to customer data: the self-test looks again
        return True
    except DataverseError as error:
        if is_absent(error):
            return False
        raise
    return True
