"""Virtual and elastic tables are refused where a mapping is made, with a sentence, by command and by file."""

import pytest

from coupling.mapping_files.types import BadFile, MappingFile
from coupling.mappings.file_checks import check_file, read_infos
from coupling.mappings.stored_file import stored_file
from coupling.mappings.table_kinds import problem_of
from coupling.models import IntegrationTableMapping
from dataverse import metadata_cache
from dataverse.types import TableInfo
from tests.coupling.mappings.custom_table import connect_with_plans
from tests.coupling.test_commands import spoken

WORDS = ("--company", "Plans", "--table", "subscription", "--integration-table", "new_plan")


@pytest.mark.parametrize("kind", ["Virtual", "Elastic"])
def test_sentence_names_the_table_and_why(kind):
    problem, fix = problem_of(TableInfo("new_plan", "new_plans", "new_planid", "new_name", {}, kind=kind))
    assert f"new_plan is a{'n' if kind == 'Elastic' else ''} {kind.lower()} table" in problem
    assert fix.startswith("Map a standard table")
    assert problem_of(TableInfo("new_plan", "new_plans", "new_planid", "new_name", {})) == ("", "")


def test_mapping_of_such_a_table_is_made_neither_by_command_nor_by_file(connected, remote):
    company = connected("Plans", connect_with_plans)
    assert spoken("mapping", "new", "PLAN", *WORDS)[1] == 0
    file = stored_file(company, ["PLAN"])
    IntegrationTableMapping.objects.filter(name="PLAN").delete()
    for kind in ("Virtual", "Elastic"):
        remote.control("POST", "tables", {"table": "new_plan", "type": kind})
        metadata_cache.forget()
        (refused,), code = spoken("mapping", "new", "PLAN", *WORDS)
        assert code == 1
        assert f"{kind.lower()} table" in str(refused["error"])
        with pytest.raises(BadFile, match=f"{kind.lower()} table"):
            check_file(company, file, MappingFile(), read_infos(company, file))
    assert not IntegrationTableMapping.objects.filter(name="PLAN").exists()
    metadata_cache.forget()
