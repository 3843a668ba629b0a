"""A secured column that the application may not read is answered with null, which blanks nothing here."""

from tests.sync.conftest import counters, coupling_of, customer, patch, synchronize


def test_null_of_a_secured_column_blanks_no_field_and_the_others_are_synchronized(company, customers, remote):
    one = customer(company, "10000", "Contoso", city="Ulm")
    synchronize(customers)
    synchronize(customers)
    row = coupling_of(customers, one).integration_id
    remote.control("POST", "columns", {"table": "account", "column": "address1_city", "secured": True})
    patch(remote, row, name="Contoso AG", address1_city="Bern")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.name, one.city) == ("Contoso AG", "Ulm")
    # The right is given again: the value that was not known is read.
    remote.control("POST", "columns", {"table": "account", "column": "address1_city", "secured": False})
    patch(remote, row, name="Contoso SE", address1_city="Bern")
    synchronize(customers)
    one.refresh_from_db()
    assert (one.name, one.city) == ("Contoso SE", "Bern")
