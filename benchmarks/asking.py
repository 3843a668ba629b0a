"""How many requests Tandem sends, against a client that asks Dataverse once per record.

The client sends a filter query per customer, the way it is first written; both find the same couplings.
"""

from benchmarks.couple import ours
from benchmarks.house import House, house
from benchmarks.rows import customers
from benchmarks.telling import Line


def one_by_one(own: House, size: int) -> tuple[int, int]:
    """Ask by phone number, customer by customer: how many found exactly one account, and how many requests."""
    own.plain.control("DELETE", "requests")
    found = 0
    for part in customers(size):
        for _, phone, _, _, _ in part:
            if not phone:
                continue
            query = {
                "$select": "name",
                "$filter": f"statecode eq 0 and customertypecode eq 3 and telephone1 eq '{phone}'",
            }
            answer = own.plain.session.get(f"{own.plain.root}/api/data/v9.2/accounts", params=query)
            found += len(answer.json()["value"]) == 1
    return found, own.plain.control("GET", "requests")["total"]


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:  # noqa: ARG001 - requests do not vary
    size = 500 if quick else 10_000
    with house(database) as own:
        own.customers(size)
        own.accounts(size)
        own.plain.control("DELETE", "requests")
        job, _, _ = ours(own)
        told = own.plain.control("GET", "requests")
        found, asked = one_by_one(own, size)
        assert found <= job.counters["coupled"]
        note = f"{asked:,} requests against {told['total']}"
        goal = 1000.0 * size / 10_000
        what = f"couple {size:,} customers: times fewer requests"
        return [Line(what, "one request per record", [asked / told["total"]], goal, least=True, note=note)]
