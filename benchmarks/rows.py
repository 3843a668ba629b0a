"""Customers, and accounts that belong to nine of ten of them, made by rule: the same in every run.

A tenth of the customers has no phone number, a third of the accounts no e-mail address; accounts come in another order
and another writing than the customers. Data that disagrees: see `disagreeing`.
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


def disagreeing(size: int) -> Iterator[list[dict[str, str | None]]]:
    """Pages of accounts as people keep them: four of ten customers have none, and some are there twice.

    Of ten accounts one has no phone number and no e-mail address, and one has the phone number, name and city of the
    account before it.
    """
    for page in accounts(size):
        before: dict[str, str | None] | None = None
        for at, account in enumerate(page):
            if at % 10 in (1, 3, 5, 7):
                account |= {"name": f"Nobody's {account['name']}", "telephone1": f"+44 20 {account['accountid']}",
                            "emailaddress1": None}  # fmt: skip
            elif at % 10 == 8:
                account |= {"telephone1": None, "emailaddress1": None}
            elif at % 10 == 9 and before is not None:
                account |= {name: before[name] for name in ("telephone1", "name", "address1_city")}
            before = account
        yield page
