"""All tables that every environment has."""

from sandbox.metadata import administration, customers, eventing, sales
from sandbox.metadata.model import Table


def build_tables() -> dict[str, Table]:
    """Return new tables by logical name; the environment may change them."""
    tables = [
        customers.build_account(),
        customers.build_contact(),
        *administration.build_tables(),
        *sales.build_tables(),
        *eventing.build_tables(),
    ]
    return {one.name: one for one in tables}
