"""Products and units: base units, required columns, and publishing."""

from tests.sandbox.conftest import Api


def create_unit_group(api: Api, unit: str) -> tuple[str, str]:
    """Create a unit group; return its id and that of its base unit."""
    made = api.create("uomschedules", name=f"Group {unit}", baseuomname=unit)
    (base,) = api.values(f"uoms?$select=uomid,name,quantity,isschedulebaseuom&$filter=_uomscheduleid_value eq {made}")
    assert (base["name"], base["quantity"], base["isschedulebaseuom"]) == (unit, 1, True)
    return made, base["uomid"]


def product_body(schedule: str, unit: str, number: str = "1000") -> dict[str, object]:
    return {
        "name": "Bicycle", "productnumber": number, "quantitydecimal": 2, "producttypecode": 1,
        "defaultuomscheduleid@odata.bind": f"/uomschedules({schedule})", "defaultuomid@odata.bind": f"/uoms({unit})",
    }  # fmt: skip


def test_new_product_is_a_draft_until_an_update_publishes_it(api: Api) -> None:
    made = api.create("products", **product_body(*create_unit_group(api, "PCS")), statecode=0, statuscode=1)
    row = api.get(f"products({made})?$select=statecode,statuscode")
    assert (row["statecode"], row["statuscode"]) == (2, 0)
    assert api.send("PATCH", f"products({made})", json={"statecode": 0, "statuscode": 1}).status_code == 204
    assert api.get(f"products({made})?$select=statecode")["statecode"] == 0


def test_product_needs_a_unit_of_its_group_and_a_unique_number(api: Api) -> None:
    pieces, hours = create_unit_group(api, "PCS"), create_unit_group(api, "HOUR")
    assert api.refusal("POST", "products", json=product_body(pieces[0], hours[1]))[0] == 400
    lacking = {name: value for name, value in product_body(*pieces).items() if "defaultuomid" not in name}
    assert api.refusal("POST", "products", json=lacking)[0] == 400
    made = api.create("products", **product_body(*pieces))
    assert api.refusal("POST", "products", json=product_body(*pieces))[0] == 412
    change = {"defaultuomid@odata.bind": f"/uoms({hours[1]})"}
    assert api.refusal("PATCH", f"products({made})", json=change)[0] == 400
    assert len(api.sandbox.rows("products")) == 1
