"""Customers, and accounts that belong to nine of ten of them, made by rule: the same in every run.

A tenth of the customers has no phone number, a third of the accounts no e-mail address; accounts come in another order
and another writing than the customers.
"""

import uuid
from collections.abc import Iterator

from coupling.rows import Criterion

PAGE = 5000
CRITERIA = [
    Criterion("phone_no", "telephone1", 0),
    Criterion("name", "name", 1),
    Criterion("city", "address1_city", 1),
    Criterion("e_mail", "emailaddress1", 2),
]
FIELDS = ("phone_no", "name", "city", "e_mail")
COLUMNS = [criterion.integration for criterion in CRITERIA]

Customer = tuple[str, str, str, str, str]


def customers(size: int, first: int = 0) -> Iterator[list[Customer]]:
    """Pages of (number, phone, name, city, mail)."""
    for start in range(first, first + size, PAGE):
        yield [
            (
                f"C{at:08}",
                f"+1 555 {at:09d}" if at % 10 else "",
                f"Customer Name {at}",
                f"City {at % 1000}",
                f"user{at}@example.com",
            )
            for at in range(start, min(first + size, start + PAGE))
        ]


def accounts(size: int) -> Iterator[list[dict[str, str | None]]]:
    """Pages of accounts as decoded JSON; a tenth or so belongs to nobody."""
    for start in range(0, size, PAGE):
        yield [
            {
                "accountid": str(uuid.UUID(int=2**100 + at)),
                "name": f"CUSTOMER Name {other} ",
                "telephone1": f"+1 555 {other:09d}",
                "address1_city": f"city {other % 1000}",
                "emailaddress1": f"User{other}@Example.com" if other % 3 else None,
            }
            for at in range(start, min(size, start + PAGE))
            for other in ((at * 7919) % (size + size // 10),)
        ]
