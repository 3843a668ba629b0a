"""Products and units: what comes with a unit group, what a product needs, and how it becomes active."""

from tests.sandbox.conftest import Api


def group(api: Api, unit: str) -> tuple[str, str]:
    """A new unit group and the base unit that comes with it."""
    made = api.create("uomschedules", name=f"Group {unit}", baseuomname=unit)
    (base,) = api.values(f"uoms?$select=uomid,name,quantity,isschedulebaseuom&$filter=_uomscheduleid_value eq {made}")
    assert (base["name"], base["quantity"], base["isschedulebaseuom"]) == (unit, 1, True)
    return made, base["uomid"]


def product(schedule: str, unit: str, number: str = "1000") -> dict[str, object]:
    return {
        "name": "Bicycle", "productnumber": number, "quantitydecimal": 2, "producttypecode": 1,
        "defaultuomscheduleid@odata.bind": f"/uomschedules({schedule})", "defaultuomid@odata.bind": f"/uoms({unit})",
    }  # fmt: skip


def test_a_product_begins_as_a_draft_whatever_it_says_and_is_published_by_a_change(api: Api) -> None:
    made = api.create("products", **product(*group(api, "PCS")), statecode=0, statuscode=1)
    row = api.get(f"products({made})?$select=statecode,statuscode")
    assert (row["statecode"], row["statuscode"]) == (2, 0)
    assert api.send("PATCH", f"products({made})", json={"statecode": 0, "statuscode": 1}).status_code == 204
    assert api.get(f"products({made})?$select=statecode")["statecode"] == 0


def test_a_product_s_unit_is_one_of_its_group_and_its_number_is_its_own(api: Api) -> None:
    pieces, hours = group(api, "PCS"), group(api, "HOUR")
    assert api.refusal("POST", "products", json=product(pieces[0], hours[1]))[0] == 400
    lacking = {name: value for name, value in product(*pieces).items() if "defaultuomid" not in name}
    assert api.refusal("POST", "products", json=lacking)[0] == 400
    made = api.create("products", **product(*pieces))
    assert api.refusal("POST", "products", json=product(*pieces))[0] == 412
    change = {"defaultuomid@odata.bind": f"/uoms({hours[1]})"}
    assert api.refusal("PATCH", f"products({made})", json=change)[0] == 400
    assert len(api.sandbox.rows("products")) == 1
