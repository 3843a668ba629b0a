"""All tables of an environment."""

from sandbox.metadata import administration, customers, sales
from sandbox.metadata.model import Table


def tables() -> dict[str, Table]:
    """The tables every environment has, by logical name; made anew so that an environment may add to them."""
    made = [customers.account(), customers.contact(), *administration.tables(), *sales.tables()]
    return {one.name: one for one in made}
