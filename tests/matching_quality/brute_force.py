"""Couple by comparing everything with everything: what Tandem's matcher is measured against.

Plain Python of its own, importing nothing from the project; the rules are those of the documentation:

* priorities ascend; every customer is tried at one priority before any is tried at the next;
* fields of one priority are ANDed; a blank local value drops its field, a group with nothing left matches nothing;
* text compares after NFC normalisation and trimming, without regard to case;
* exactly one candidate that is not coupled couples; candidates that are coupled count as candidates;
* two customers wanting one account: the first in key order gets it;
* of several failures the most telling counts: multiple matches, then already coupled, then no match.

    python3 tests/matching_quality/brute_force.py [FOLDER]     prints the table; FOLDER gets the prepared files

Customers: Northwind's and Cronus's. Accounts: the AdventureWorks resellers, and a third of each company's customers,
some in other case, with another way to write the number, or entered twice.
"""

import csv
import json
import os
import sys
import unicodedata
import uuid
from collections import Counter
from pathlib import Path

PRIORITIES = (("phone_no",), ("name", "city"))
REMOTE = {"phone_no": "telephone1", "name": "name", "city": "address1_city"}
REASONS = ("coupled", "no_match", "multiple_matches", "already_coupled")
FIELDS = (
    "no",
    "name",
    "contact",
    "address",
    "city",
    "county",
    "post_code",
    "country_region_code",
    "phone_no",
    "fax_no",
)
COMPANIES = ("Northwind Traders", "Cronus International")


def data_folder():
    """Return the folder with `erp/`, from TANDEM_DATA or beside the checkout; None where there is none."""
    root = Path(__file__).resolve().parents[2]
    for folder in filter(None, (os.environ.get("TANDEM_DATA"), root.parent / "shared" / "data")):
        if (Path(folder) / "erp" / "northwind" / "customers.csv").exists():
            return Path(folder)
    return None


def northwind(data):
    """Northwind's customers. The file has addresses with unquoted commas: such a row is put together again."""
    with (data / "erp" / "northwind" / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        rows = []
        for values in reader:
            while len(values) > len(header):
                torn = next(n for n, value in enumerate(values) if value.startswith(" "))
                values[torn - 1 : torn + 1] = [values[torn - 1] + "," + values[torn]]
            rows.append({k: "" if v == "NULL" else v for k, v in zip(header, values, strict=True)})
    names = {
        "no": "customerID", "name": "companyName", "contact": "contactName", "address": "address", "city": "city",
        "county": "region", "post_code": "postalCode", "country_region_code": "country", "phone_no": "phone",
        "fax_no": "fax",
    }  # fmt: skip
    return [{field: row[names[field]] for field in FIELDS} for row in rows]


def cronus(data):
    """Cronus's customers; the city follows from the post code. They have no telephone numbers.

    Some numbers are there twice; the first row counts, as it does for the import.
    """
    folder = data / "erp" / "bc_cronus"
    with (folder / "post_codes.csv").open(encoding="utf-8-sig", newline="") as file:
        places = {row["Code"]: row for row in csv.DictReader(file)}
    customers = {}
    with (folder / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            place = places.get(row["Post Code"], {"City": "", "County": ""})
            customers.setdefault(
                row["No."],
                {
                    "no": row["No."], "name": row["Name"], "contact": row["Contact Name"], "address": row["Address"],
                    "city": place["City"], "county": place["County"], "post_code": row["Post Code"],
                    "country_region_code": row["Country Code"], "phone_no": "", "fax_no": "",
                },
            )  # fmt: skip
    return list(customers.values())


def resellers(data):
    """Return the AdventureWorks resellers as accounts."""
    folder = data / "erp" / "adventureworks"
    with (folder / "DimGeography.csv").open(encoding="utf-8-sig", newline="") as file:
        cities = {row[0]: row for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)}
    accounts = []
    with (folder / "DimReseller.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE):
            place = cities.get(row[1])
            accounts.append(account(f"reseller {row[0]}", row[5], place[1] if place else "", row[3]))
    return accounts


def known(company, customers):
    """Return a third of a company's customers as accounts, as somebody else has typed them."""
    accounts = []
    for n, customer in enumerate(customers[::3]):
        name, city, phone = customer["name"], customer["city"], customer["phone_no"]
        match n % 4:
            case 1:
                name, city = name.upper(), city.swapcase()
            case 2:
                phone = phone.replace("-", " ").replace(".", " ").replace("(", "").replace(")", "")
            case 3:
                name, phone = f"  {name.lower()} ", phone
        accounts.append(account(f"{company} {customer['no']}", name, city, phone))
        if n % 7 == 6:
            accounts.append(account(f"{company} {customer['no']} again", name, city, phone))
    return accounts


def account(key, name, city, phone):
    """Return an account of the customer type; its id follows from `key`. Blank values are left out."""
    row = {
        "accountid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://tandem.example/{key}")),
        "name": name,
        "address1_city": city,
        "telephone1": phone,
        "customertypecode": 3,
    }
    return {column: value for column, value in row.items() if value != ""}


def prepared(data):
    """Both companies' customers by company, and the accounts of the one environment both are connected to."""
    customers = dict(zip(COMPANIES, (northwind(data), cronus(data)), strict=True))
    accounts = resellers(data)
    for company, its in customers.items():
        accounts += known(company, its)
    return customers, accounts


def normal(value):
    """Return what is compared."""
    return unicodedata.normalize("NFC", value or "").strip().casefold()


def couple(customers, accounts):
    """Decide every customer: number -> (reason, account id or None)."""
    customers = sorted(customers, key=lambda customer: customer["no"])
    coupled_to, partner = {}, {}
    said = {customer["no"]: set() for customer in customers}
    for fields in PRIORITIES:
        for customer in customers:
            if customer["no"] in partner:
                continue
            asked = [(REMOTE[f], normal(customer[f])) for f in fields if normal(customer[f])]
            candidates = [
                row["accountid"]
                for row in accounts
                if asked and all(normal(row.get(column)) == value for column, value in asked)
            ]
            if len(candidates) == 1 and candidates[0] not in coupled_to:
                coupled_to[candidates[0]] = customer["no"]
                partner[customer["no"]] = candidates[0]
            elif len(candidates) == 1:
                said[customer["no"]].add("already_coupled")
            else:
                said[customer["no"]].add("multiple_matches" if candidates else "no_match")
    decided = {}
    for number, reasons in said.items():
        if number in partner:
            decided[number] = ("coupled", partner[number])
        else:
            telling = ("multiple_matches", "already_coupled", "no_match")
            decided[number] = (next(reason for reason in telling if reason in reasons), None)
    return decided


def counts(decided):
    """How many of each reason, all of them named."""
    found = Counter(reason for reason, _ in decided.values())
    return {reason: found[reason] for reason in REASONS}


def table(rows):
    """Return the counts by company as a table of text."""
    lines = [f"{'':24}" + "".join(f"{reason:>18}" for reason in ("customers", *REASONS))]
    for company, found in rows.items():
        lines.append(f"{company:24}" + f"{sum(found.values()):>18}" + "".join(f"{found[r]:>18}" for r in REASONS))
    return "\n".join(lines)


def write(folder, customers, accounts):
    """Return the prepared input as files: CSV for each company, JSON for the environment."""
    for company, rows in customers.items():
        with (folder / f"{company}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
    (folder / "accounts.json").write_text(json.dumps({"accounts": accounts}, ensure_ascii=False), encoding="utf-8")


def main(arguments):
    """Print the table; write the prepared files where a folder is named."""
    data = data_folder()
    if data is None:
        print("The business data is not here: set TANDEM_DATA to the folder that contains erp/.", file=sys.stderr)
        return 1
    customers, accounts = prepared(data)
    if arguments:
        folder = Path(arguments[0])
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, customers, accounts)
    print(f"{len(accounts)} accounts; by phone number, then by name and city")
    print(table({company: counts(couple(rows, accounts)) for company, rows in customers.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
