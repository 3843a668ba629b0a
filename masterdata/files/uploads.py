"""A file of master data that comes by the admin's page: read as the command reads one, kept until it is confirmed."""

import re
import secrets
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import tablib
from django import forms
from django.conf import settings
from django.db import transaction
from import_export.formats.base_formats import Format
from import_export.forms import ConfirmImportForm, ImportForm
from import_export.tmp_storages import BaseStorage

from masterdata.catalog import LocalTable, table_of
from masterdata.files.importing import Summary, columns_by_name, import_rows
from masterdata.files.reading import Line, Unreadable, read_content
from masterdata.models import Company, SynchronizedRecord

MOST_ROWS = 5000
"""A page previews every row; a longer file is the command's."""
MOST_BYTES = 20 * 2**20
_KEPT_S = 3600
"""How long a file waits to be confirmed."""


class AnyFile(Format):
    """CSV or an Excel workbook, told apart by what is in it; see `format_of`."""

    table: ClassVar[LocalTable]

    def __init__(self, encoding: str | None = None) -> None:
        self.encoding = encoding  # named by the library; found out here

    def get_title(self) -> str:
        """Return what the form calls it."""
        return "CSV or Excel workbook (.xlsx)"

    def is_binary(self) -> bool:
        """Return True: the file is read as bytes, since its encoding is found out."""
        return True

    def get_read_mode(self) -> str:
        """See is_binary."""
        return "rb"

    def can_import(self) -> bool:
        """Return True; exports are written by the library's own formats."""
        return True

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        """Return the rows under the table's own names.

        Raises Unreadable or UnknownColumns, with a sentence for people.
        """
        sheet = read_content(in_stream, most_rows=MOST_ROWS)
        if len(sheet.lines) > MOST_ROWS:
            raise Unreadable(
                f"The file has more than {MOST_ROWS:,} rows, which is the most a page previews.",
                f"Import it with: manage.py masterdata import {self.table.name} FILE --company NAME",
            )
        for line in sheet.lines:
            if line.problem:
                raise Unreadable(f"Line {line.number}: {line.problem} {line.fix}")
        company, plain = _company_column(sheet.columns)
        columns = columns_by_name(self.table, plain, fix="Rename the columns in the file, or take them out.")
        dataset = tablib.Dataset(headers=["company", *columns])
        only = _only_company() if company is None else ""
        for line in sheet.lines:
            owner = only if company is None else line.values[company]
            dataset.append([owner, *(line.values[position] for position, _ in columns.values())])
        return dataset


@cache
def format_of(model: type[SynchronizedRecord]) -> type[AnyFile]:
    """Return the format of a registered model's files."""
    return type("TableFile", (AnyFile,), {"table": table_of(model)})


def import_waiting(table: LocalTable, name: str, plain: Callable[[str], str]) -> str:
    """Import a file that waits, all of it or nothing; what was done, in words. `plain` takes export's marks off.

    Raises Unreadable where it has gone, or where a row will not do any more.
    """
    waiting = PendingImport(name=name)
    data = format_of(table.model)().create_dataset(waiting.read())
    fields = [word for word in data.headers if word != "company"]
    columns = {word: (position, word) for position, word in enumerate(fields, 1)}
    owners: dict[str, list[Line]] = {}
    for number, row in enumerate(data, 2):
        owners.setdefault(str(row[0]), []).append(Line(number, [plain(str(value).strip()) for value in row]))
    done = Summary()
    with transaction.atomic():
        for owner, lines in owners.items():
            company = Company.objects.filter(name=owner).first()
            if company is None:
                raise Unreadable(
                    f"There is no company called {owner!r} any more.",
                    "Choose the file again.",
                )
            part = import_rows(table=table, company=company, columns=columns, lines=lines)
            if part.errors:
                first = part.errors[0]
                raise Unreadable(f"Row {first.line - 1}: {first.cause} {first.fix} Nothing was imported.")
            done.inserted += part.inserted
            done.modified += part.modified
            done.unchanged += part.unchanged
    waiting.remove()
    return f"{done.inserted:,} new, {done.modified:,} changed, {done.unchanged:,} unchanged."


def _company_column(header: Sequence[str]) -> tuple[int | None, list[str]]:
    """Return where the company's name stands, and the header without it (blank there, so that positions stay)."""
    at = next((position for position, word in enumerate(header) if word.strip().casefold() == "company"), None)
    return at, ["" if position == at else word for position, word in enumerate(header)]


def _only_company() -> str:
    names = list(Company.objects.order_by("name").values_list("name", flat=True)[:20])
    if len(names) == 1:
        return str(names[0])
    known = f" There are: {', '.join(names)}." if names else " There is no company yet; make one first."
    raise Unreadable(
        f"The file needs a column company with the name of the company each row belongs to.{known}",
    )


class FileForm(ImportForm):
    """Which file."""

    def clean_import_file(self) -> Any:
        """Check that the file is not larger than a page should take."""
        file = self.cleaned_data["import_file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size / 2**20:,.0f} MB; a page takes {MOST_BYTES // 2**20} MB. Import it with "
                "manage.py masterdata import."
            )
        return file


class ConfirmForm(ConfirmImportForm):
    """The file that was previewed."""

    format = forms.ChoiceField(choices=[("0", "")], widget=forms.HiddenInput())
    resource = forms.ChoiceField(choices=[("0", "")], widget=forms.HiddenInput(), required=False)


class PendingImport(BaseStorage):
    """Files between preview and confirmation: in the state folder, for us alone to read, none for longer than an hour.

    A name that comes back from the browser is one given out here, or there is no such file.
    """

    def save(self, data: bytes) -> None:
        """Keep the file under a new name; what nobody confirmed goes."""
        folder = self._folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - _KEPT_S:
                old.unlink(missing_ok=True)
        self.name = secrets.token_hex(16)
        (folder / self.name).write_bytes(data)

    def read(self) -> bytes:
        """Return the file. Raises Unreadable where it has gone."""
        try:
            return self._file().read_bytes()
        except OSError:
            raise Unreadable("The file has been imported already, or waited too long.", "Choose it again.") from None

    def remove(self) -> None:
        """Remove the file, which has been imported."""
        self._file().unlink(missing_ok=True)

    @staticmethod
    def _folder() -> Path:
        return Path(settings.STATE_DIR) / "imports"

    def _file(self) -> Path:
        if not re.fullmatch(r"[0-9a-f]{32}", self.name or ""):
            raise FileNotFoundError(self.name)
        return self._folder() / str(self.name)
