"""Many rows: their memory, and the time to serve them."""

import time
import tracemalloc

from sandbox.environment import Environment
from sandbox.service.load import load
from tests.sandbox.conftest import Api


def account_rows(many: int) -> list[dict[str, object]]:
    return [
        {
            "name": f"Company {number} Holding",
            "telephone1": f"+1 555 {number:07}",
            "emailaddress1": f"info{number}@company{number}.example",
            "address1_line1": f"{number} Main Street",
            "address1_city": f"City {number % 977}",
            "address1_postalcode": f"{number % 99_999:05}",
            "accountnumber": f"A{number}",
            "customertypecode": 3 if number % 3 else 11,
        }
        for number in range(many)
    ]


def test_an_account_of_eight_columns_takes_less_than_a_kilobyte() -> None:
    environment = Environment()
    rows = account_rows(20_000)
    load(environment, {"accounts": rows[:100]})
    tracemalloc.start()
    try:
        load(environment, {"accounts": rows[100:]})
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / (len(rows) - 100) < 1000


@pytest.mark.processes
def test_full_page_of_a_large_filtered_table_takes_under_half_a_second(api: Api) -> None:
    load(api.sandbox.environment, {"accounts": account_rows(200_000)})
    query = "accounts?$select=name,telephone1,emailaddress1,address1_city"
    for text in ("", "&$filter=statecode eq 0 and customertypecode eq 11"):
        api.get(query + text)  # a filter's first use decodes its columns
        link, pages, begun = query + text, 0, time.monotonic()
        while link:
            page = api.get(link)
            pages += 1
            link = page.get("@odata.nextLink", "")
        assert pages >= 13
        assert (time.monotonic() - begun) / pages < 0.5
