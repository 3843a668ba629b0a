import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from masterdata.models import Company


@pytest.fixture
def company(db):
    return Company.objects.create(name="Alder & Finch", currency_code="USD", country_code="US")


@pytest.fixture
def run(db):
    """Run a command; gives exit code, what it printed, and what it complained about."""

    def run(*args):
        out, err = StringIO(), StringIO()
        try:
            call_command(*args, stdout=out, stderr=err)
            code = 0
        except SystemExit as stop:
            code = stop.code
        except CommandError as error:
            code = error.returncode if error.returncode != 1 else 2
            err.write(str(error))
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def run_json(run):
    def run_json(*args):
        code, out, _ = run(*args, "--json")
        return code, json.loads(out)

    return run_json
