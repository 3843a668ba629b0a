"""The solution as a file to import by hand: read back, it has the tables, columns, relationships and role."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import call_command
from django.test import Client

from connection_setup.provisioning import definitions, solution_file
from connection_setup.provisioning.solution import OPTION_PREFIX, VERSION
from connection_setup.types import ROLE, SOLUTION
from masterdata.models import Company


def parts(packed: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        return {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}


def test_the_file_is_an_unmanaged_solution_with_tables_columns_and_role() -> None:
    found = parts(solution_file.build(1031))
    assert set(found) == {"solution.xml", "customizations.xml", "[Content_Types].xml"}
    manifest, custom = found["solution.xml"], found["customizations.xml"]
    assert manifest.findtext("SolutionManifest/UniqueName") == SOLUTION
    assert manifest.findtext("SolutionManifest/Version") == VERSION
    assert manifest.findtext("SolutionManifest/Managed") == "0"
    assert manifest.findtext(".//CustomizationPrefix") == "tandem"
    assert manifest.findtext(".//CustomizationOptionValuePrefix") == str(OPTION_PREFIX)
    roots = {one.get("schemaName") for one in manifest.iter("RootComponent") if one.get("type") == "1"}
    assert roots == {"tandem_company", *definitions.WITH_COMPANY}
    columns = {
        str(entity.findtext("Name")).lower(): {one.findtext("LogicalName") for one in entity.iter("attribute")}
        for entity in custom.iter("Entity")
    }
    assert {"tandem_companyid", *definitions.COMPANY_COLUMNS} == columns["tandem_company"]
    assert all(columns[name] == {"tandem_companyid"} for name in definitions.WITH_COMPANY)
    lookups = {one.get("Name") for one in custom.iter("EntityRelationship")}
    assert lookups == {
        "tandem_team_company_defaultowningteam", *(f"tandem_company_{name}" for name in definitions.WITH_COMPANY)
    }  # fmt: skip
    (role,) = custom.iter("Role")
    privileges = {one.get("name"): one.get("level") for one in role.iter("RolePrivilege")}
    assert role.get("name") == ROLE
    assert role.get("id") == next(one.get("id") for one in manifest.iter("RootComponent") if one.get("type") == "20")
    assert {"prvReadAccount", "prvReadEntity", "prvCreatetandem_Company", "prvReadUser"} <= set(privileges)
    assert set(privileges.values()) == {"Global"}
    languages = {one.get("languagecode") for root in found.values() for one in root.iter() if one.get("languagecode")}
    assert languages == {"1031"}, "labels of a language that is not provisioned stop an import"
    assert "Unternehmen" in {one.get("description") for one in custom.iter("LocalizedName")}


def test_without_sales_the_file_names_no_table_of_it_and_each_time_it_is_the_same() -> None:
    packed = solution_file.build(sales=False)
    assert packed == solution_file.build(sales=False)
    roots = {one.get("schemaName") for one in parts(packed)["solution.xml"].iter("RootComponent")}
    assert not {"product", "opportunity", "pricelevel"} & roots


def test_the_command_and_the_page_give_the_file(
    admin_client: Client, company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "solution.zip"
    call_command("connection", "solution", "--out", str(out), "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["solution"], told["managed"], told["bytes"]) == (SOLUTION, False, len(out.read_bytes()))
    url = f"/c/{company.slug}/dataverse-connection-setup/integration-solutions/"
    assert f'href="{url}file/"' in admin_client.get(url).content.decode()
    sent: Any = admin_client.get(f"{url}file/")
    assert b"".join(sent) == out.read_bytes()
    assert sent["Content-Disposition"] == f'attachment; filename="{solution_file.FILE_NAME}"'
