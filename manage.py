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
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        if _database_answers():
            raise
        why = str(error).strip().splitlines()[0]
        sys.exit(f"The database of DATABASE_URL cannot be reached: {why}. Check the address, and that the server runs.")


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
