#!/usr/bin/env python
"""The commands of Tandem: `python manage.py help`."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        try:
            execute_from_command_line(sys.argv)
        finally:
            sys.stdout.flush()  # while a reader that has gone can still be answered for
    except BrokenPipeError:
        _end_quietly()
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        if _database_answers():
            raise
        why = str(error).strip().splitlines()[0]
        sys.exit(f"The database of DATABASE_URL cannot be reached: {why}. Check the address, and that the server runs.")


def _end_quietly() -> None:
    """End with 1, for whoever read the output has seen enough (head, a pager); what is left of it goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    sys.exit(1)


def _database_answers() -> bool:
    from django.db import DatabaseError, connection

    try:
        connection.close()
        connection.ensure_connection()
    except DatabaseError:
        return False
    return True


if __name__ == "__main__":
    main()
