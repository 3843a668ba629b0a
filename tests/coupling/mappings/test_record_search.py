"""The search for records that conditions name: few requests, and labels of records that are gone are kept."""

from collections.abc import Callable
from uuid import UUID

from coupling.filters import FilterField, Kind, parse
from coupling.gateway import Gateway
from coupling.mappings.filter_counts import MAX_COUNTED
from coupling.mappings.filter_form import from_filter, keep_labels
from coupling.mappings.filters_tab import look_up
from coupling.mappings.record_search import RowsThere
from masterdata.models import Company
from sandbox.testing import Sandbox


def test_rows_are_searched_for_once_and_a_table_that_cannot_be_asked_hides_no_other(
    company: Company, accounts: Callable[..., list[UUID]], remote: Sandbox
) -> None:
    fabrikam, contoso = accounts([{"name": "Fabrikam"}, {"name": "Contoso"}])
    directory, tables = RowsThere(Gateway(company)), ("new_gone", "account")
    assert directory.find(tables, "contoso") == [(str(contoso), "Contoso (account)")]
    assert "new_gone" in directory.problem
    assert directory.names(tables, [str(fabrikam)]) == {str(fabrikam): "Fabrikam (account)"}
    field = FilterField("parentaccountid", "Parent", Kind.ROW, targets=("account",))
    gone = str(UUID(int=7))
    stored = {"all": [{"field": "parentaccountid", "op": "eq", "value": gone, "label": "Sold Ltd."}] * 3
              + [{"field": "parentaccountid", "op": "ne", "value": str(fabrikam)}] * 30}  # fmt: skip
    node = parse(stored)
    form = keep_labels(from_filter("integration", {field.name: field}, node), node)
    remote.control("DELETE", "requests")
    look_up(form, RowsThere(Gateway(company)), searching=True)
    assert remote.requests()["by"]["GET accounts"] == 2, "one search, and one look at the names"
    first, *_, last = form.stored()["all"]
    assert (first["label"], last["label"]) == ("Sold Ltd.", "Fabrikam")
    for at, row in enumerate(form.rows()):
        row.find = f"nothing {at}"
    remote.control("DELETE", "requests")
    look_up(form, RowsThere(Gateway(company)), searching=True)
    assert remote.requests()["by"]["GET accounts"] == MAX_COUNTED + 1, "one asks for the name of what is gone"
