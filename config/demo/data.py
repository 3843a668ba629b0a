"""The demo's companies: seeded, so that every run shows the same; no Django here.

A company is plain rows by table of the catalog, field -> value.
"""

import random
import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from config.demo import sales, words

Row = dict[str, Any]

CUSTOMERS = 400
_SALESPEOPLE = 8


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """A company and its records by table, in an order in which references come after what they name."""

    name: str
    currency_code: str
    country_code: str
    tables: dict[str, list[Row]] = field(default_factory=dict)


def companies(customers: int = CUSTOMERS) -> tuple[DemoCompany, DemoCompany]:
    """Return both companies: the first is connected by the demo, the second is left for trying the guide."""
    first = _company(
        "Alder & Finch Trading", "US", {"US": 60, "CA": 14, "GB": 10, "DE": 10, "FR": 6}, customers, seed=1
    )
    second = _company("Sandpiper Outdoor Supply", "US", {"US": 78, "CA": 14, "GB": 8}, customers, seed=2)
    return first, second


def _company(name: str, country: str, spread: dict[str, int], customers: int, *, seed: int) -> DemoCompany:
    maker = Maker(random.Random(seed), spread)  # noqa: S311 - plausible data, no secret  # nosec B311
    home = words.PLACES[country].currency
    salespeople = [maker.salesperson() for _ in range(_SALESPEOPLE)]
    contacts: list[Row] = []
    partners = [maker.customer(10_000 + 10 * n, home, salespeople) for n in range(customers)]
    _spoil(maker.random, partners)
    for partner in partners[: customers // 2]:
        contacts += maker.contacts(partner, len(contacts))
    vendors = [maker.vendor(40_000 + 10 * n, home, salespeople) for n in range(customers // 10)]
    for vendor in vendors[::2]:
        contacts += maker.contacts(vendor, len(contacts))
    items = maker.items(vendors)
    return DemoCompany(
        name,
        home,
        country,
        {
            "currency": [
                {"code": code, "description": text, "symbol": symbol, "exchange_rate": Decimal(rate)}
                for code, text, symbol, rate in words.CURRENCIES
            ],
            "payment_terms": [
                {
                    "code": code,
                    "description": text,
                    "due_date_calculation": due,
                    "discount_date_calculation": early,
                    "discount_percent": Decimal(percent),
                }
                for code, text, due, early, percent in words.PAYMENT_TERMS
            ],
            "shipment_method": [{"code": code, "description": text} for code, text in words.SHIPMENT_METHODS],
            "shipping_agent": [
                {"code": code, "name": text, "internet_address": url}
                for code, text, url in (*words.SHIPPING_AGENTS, words.FETCHED)
            ],
            "unit_of_measure": [
                {"code": code, "description": text, "international_standard_code": standard}
                for code, text, standard in words.UNITS
            ],
            "salesperson": salespeople,
            "vendor": vendors,
            "item": items,
            "contact": contacts,
            "customer": partners,
            **sales.local_tables(seed + 100, items, contacts, home),
        },
    )


def _spoil(rng: random.Random, customers: list[Row]) -> None:
    """Give the data the faults that real data has: blanks, duplicates, blocked customers."""
    shuffled = customers[:]
    rng.shuffle(shuffled)
    part = max(1, len(customers) // 40)
    for customer in shuffled[:part]:
        customer.update(phone_no="", fax_no="")
    for customer in shuffled[part : 2 * part]:
        customer.update(phone_no="", city="", post_code="", address="", county="")
    for customer in shuffled[2 * part : 3 * part]:
        customer["e_mail"] = customer["home_page"] = ""
    for customer, value in zip(shuffled[3 * part : 4 * part], ("Ship", "Invoice", "All") * part, strict=False):
        customer["blocked"] = value
    # The same customer entered twice: only one of the two can be coupled.
    for double, original in zip(shuffled[4 * part : 5 * part], shuffled[5 * part : 6 * part], strict=True):
        double.update({name: original[name] for name in ("name", "phone_no", "city", "post_code", "address", "county")})
        double.update(country_region_code=original["country_region_code"], currency_code=original["currency_code"])


class Maker:
    """Makes people and businesses, none twice."""

    def __init__(self, rng: random.Random, spread: dict[str, int]) -> None:
        self.random = rng
        self._countries, self._weights = list(spread), list(spread.values())
        self._taken: set[str] = set()

    def salesperson(self) -> Row:
        """Return a member of staff with mail and mobile phone."""
        person = self.person()
        place = words.PLACES[self._countries[0]]
        code = self._unique(lambda: person[0][0] + person[1][0] + self.random.choice("ABCDEFGHJKLMNPQRSTUVW"))
        return {
            "code": code,
            "name": " ".join(person),
            "job_title": self.random.choice(words.JOB_TITLES),
            "e_mail": f"{slug(person[0])}.{slug(person[1])}@alderfinch.example",
            "phone_no": self.phone(place, self.random.choice(place.cities)),
            "commission_percent": Decimal(self.random.choice(("0", "2.5", "4", "5"))),
        }

    def customer(self, number: int, home: str, salespeople: list[Row]) -> Row:
        """Return a business that buys."""
        row = self._partner(number, home)
        row["salesperson_code"] = self.random.choice(salespeople)["code"]
        row["credit_limit"] = Decimal(self.random.choice((0, 0, 2500, 5000, 10_000, 25_000, 80_000)))
        row["blocked"] = ""
        return row

    def vendor(self, number: int, home: str, salespeople: list[Row]) -> Row:
        """Return a business that sells."""
        return {**self._partner(number, home), "purchaser_code": self.random.choice(salespeople)["code"]}

    def contacts(self, partner: Row, before: int) -> list[Row]:
        """Return a business's contact card and one or two people there."""
        shared = {n: partner[n] for n in ("address", "post_code", "city", "county", "country_region_code", "phone_no")}
        number, keeper = f"CT{before + 1:06}", partner.get("salesperson_code") or partner["purchaser_code"]
        relation = "customer_no" if "salesperson_code" in partner else "vendor_no"
        found: list[Row] = [
            {
                **_PERSON_BLANK, **shared, "no": number, "type": "Company", "name": partner["name"],
                "company_no": number, "company_name": partner["name"], "e_mail": partner["e_mail"],
                "home_page": partner["home_page"], "salesperson_code": keeper, relation: partner["no"],
            }
        ]  # fmt: skip
        people = [partner["contact"].split(" ", 1)] if partner["contact"] else []
        people += [list(self.person())] if self.random.random() < 0.4 else []
        domain = partner["e_mail"].partition("@")[2] or "mail.example"
        for first, last in people:
            found.append(
                {
                    **_PERSON_BLANK, **shared, "no": f"CT{before + len(found) + 1:06}", "type": "Person",
                    "name": f"{first} {last}", "first_name": first, "surname": last, "company_no": number,
                    "company_name": partner["name"], "job_title": self.random.choice(words.ROLES_AT_CUSTOMERS),
                    "e_mail": f"{slug(first)}.{slug(last)}@{domain}", "home_page": "",
                    "salesperson_code": keeper,
                }
            )  # fmt: skip
        if people:
            partner["primary_contact_no"] = found[1]["no"]
        return found

    def items(self, vendors: list[Row]) -> list[Row]:
        """Return what is on the shelves."""
        rows = []
        for number, (name, kind) in enumerate((n, k) for n in words.ITEM_NAMES for k in words.ITEM_KINDS):
            cost = Decimal(self.random.randrange(500, 60_000)) / 100
            rows.append(
                {
                    "no": str(1000 + number),
                    "description": f"{name}, {kind}",
                    "base_unit_of_measure": self.random.choice(("PCS", "PCS", "PCS", "SET", "BOX")),
                    "unit_cost": cost,
                    "unit_price": (cost * self.random.choice((Decimal("1.4"), Decimal("1.65"), Decimal(2)))).quantize(
                        Decimal("0.01")
                    ),
                    "inventory": Decimal(self.random.randrange(0, 200)),
                    "gross_weight": Decimal(self.random.randrange(5, 500)) / 10,
                    "unit_volume": Decimal(self.random.randrange(1, 90)) / 100,
                    "vendor_no": self.random.choice(vendors)["no"] if vendors else "",
                    "vendor_item_no": f"V-{self.random.randrange(10_000, 99_999)}",
                    "blocked": self.random.random() < 0.03,
                }
            )
        return rows

    def person(self) -> tuple[str, str]:
        """First name and surname, never the same pair twice."""
        pair = self._unique(lambda: f"{self.random.choice(words.FIRST_NAMES)} {self.random.choice(words.SURNAMES)}")
        first, last = pair.split(" ")
        return first, last

    def business(self, place: words.Place) -> str:
        """Return a name with its legal form, never the same twice."""
        name = self._unique(lambda: f"{self.random.choice(words.FIRST_WORDS)} {self.random.choice(words.TRADES)}")
        return f"{name} {self.random.choice(place.legal_forms)}"

    def phone(self, place: words.Place, city: words.City) -> str:
        """Return a number from the city's range for fiction, as somebody in the US notes it, never the same twice."""

        def number() -> str:
            text = city.phone + "".join(self.random.choices("0123456789", k=place.digits))
            if place.prefix == "1":
                return f"({text[:3]}) {text[4:7]}-{text[8:]}"
            text = f"{text[:-2]} {text[-2:]}" if place.country == "FR" else text
            return f"+{place.prefix} {text.removeprefix('0')}"

        return self._unique(number)

    def _partner(self, number: int, home: str) -> Row:
        place = words.PLACES[self.random.choices(self._countries, self._weights)[0]]
        city = self.random.choice(place.cities)
        name, person = self.business(place), self.person()
        domain = f"{slug(name.rsplit(' ', 1)[0])}.example"
        return {
            "no": str(number),
            "name": name,
            "address": place.address.format(n=self.random.randrange(1, 240), street=self.random.choice(place.streets)),
            "address_2": self.random.choice(("", "", "", "", "Suite 4", "2nd floor", "Unit 12")),
            "post_code": city.post_code,
            "city": city.name,
            "county": city.county,
            "country_region_code": place.country,
            "phone_no": self.phone(place, city),
            "fax_no": self.phone(place, city) if self.random.random() < 0.15 else "",
            "e_mail": f"{self.random.choice(('info', 'office', 'mail', 'orders'))}@{domain}",
            "home_page": f"https://www.{domain}" if self.random.random() < 0.7 else "",
            "contact": " ".join(person),
            "primary_contact_no": "",
            "currency_code": "" if place.currency == home else place.currency,
            "payment_terms_code": self.random.choice(words.PAYMENT_TERMS)[0],
            "shipment_method_code": self.random.choice(words.SHIPMENT_METHODS)[0],
            "shipping_agent_code": self.random.choice(words.SHIPPING_AGENTS)[0],
        }

    def _unique(self, make: Any) -> str:
        for _ in range(10_000):
            text = str(make())
            if text not in self._taken:
                self._taken.add(text)
                return text
        raise ValueError("The demo's words are used up; ask for fewer customers.")


_PERSON_BLANK: Row = {"first_name": "", "surname": "", "job_title": "", "customer_no": "", "vendor_no": ""}


def slug(text: str) -> str:
    """Return the text as part of an address: plain small letters and digits."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "", plain)
