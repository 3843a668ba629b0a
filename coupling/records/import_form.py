"""The forms of the page Import: which file for what, and what was decided about it, each choosable again."""

from collections.abc import Sequence
from typing import Any

from django import forms

from coupling.job_parameters import ImportParameters
from masterdata import catalog
from masterdata.files import styles
from masterdata.files.columns import guess_columns
from masterdata.files.csv_lines import SEPARATOR_NAMES
from masterdata.files.encoding import NAMES
from masterdata.files.importing import Plan
from masterdata.files.reader import Contents
from masterdata.files.types import LIMITS, Options
from masterdata.models import Company

MOST_COLUMNS = 100
"""Columns of a file that a person chooses a field for; of wider files the table's own columns are taken by name."""

_OPEN = "not decided"


class FileForm(forms.Form):
    """Which file goes into which table of which company."""

    company = forms.ChoiceField(label="Company")
    table = forms.ChoiceField(label="Table")
    file = forms.FileField(
        label="File",
        help_text=f"CSV or an Excel workbook (.xlsx), up to {LIMITS.bytes // 2**20} MB. Its first row names "
        "the columns.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xls"}),
        error_messages={"required": "Choose the file to import.", "empty": "The file is empty. Choose another one."},
    )

    def __init__(self, *args: Any, companies: Sequence[Company], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["company"].choices = [(one.slug, one.name) for one in companies]  # type: ignore[attr-defined]
        self.fields["table"].choices = [(one.name, one.caption_plural) for one in catalog.tables()]  # type: ignore[attr-defined]
        if len(companies) == 1:
            self.fields["company"].widget = forms.HiddenInput()
            self.initial["company"] = companies[0].slug

    def clean_file(self) -> Any:
        """Check that the file is not larger than any list of records."""
        file = self.cleaned_data["file"]
        if file.size > LIMITS.bytes:
            raise forms.ValidationError(
                f"The file has {file.size / 2**20:,.0f} MB; at most {LIMITS.bytes // 2**20} MB are read. Split it, and "
                "import the parts one after the other."
            )
        return file


class ChoicesForm(forms.Form):
    """What was found out about a file, each to be chosen again."""

    encoding = forms.ChoiceField(label="Encoding", required=False)
    separator = forms.ChoiceField(label="Separator", required=False)
    sheet = forms.ChoiceField(label="Sheet", required=False)
    decimal = forms.ChoiceField(label="Decimal mark", required=False)
    dates = forms.ChoiceField(label="Order in dates", required=False)
    blank_clears = forms.BooleanField(label="Blank cells clear the field", required=False)

    def __init__(
        self, *args: Any, parameters: ImportParameters, contents: Contents | None, plan: Plan | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = catalog.table(parameters.table)
        self.parameters, self.contents, self.plan = parameters, contents, plan
        self.header = contents.columns[:MOST_COLUMNS] if contents else []
        self._offer()
        self._offer_columns()
        for name in Options.__struct_fields__:
            if name in self.fields:
                self.initial[name] = getattr(parameters.options, name)
        self.initial["blank_clears"] = parameters.blank_clears

    @property
    def column_names(self) -> list[str]:
        """The names of the fields that say what a column is."""
        return [f"column-{position}" for position in range(len(self.header))]

    def options(self) -> Options:
        """Return what was chosen about the file."""
        given = self.cleaned_data
        return Options(**{name: given.get(name) or "" for name in Options.__struct_fields__})

    def columns(self) -> dict[str, str]:
        """Return field -> column as chosen; none where it is what the names say, or where a column's choice was not
        shown.
        """
        chosen = {
            self.cleaned_data[name]: self.header[position]
            for position, name in enumerate(self.column_names)
            if self.cleaned_data.get(name)
        }
        by_name = guess_columns(self.table, self.header)
        known = len(by_name) == sum(map(bool, self.header))
        if not chosen or (known and chosen == {name: word for name, (_, word) in by_name.items()}):
            return {}
        return chosen

    def clean(self) -> dict[str, Any]:
        """Check that no field takes two columns, and that the key has one."""
        given: dict[str, Any] = super().clean() or {}
        taken: dict[str, str] = {}
        for position, name in enumerate(self.column_names):
            field = given.get(name)
            if field and field in taken:
                caption = self.table.field(field).caption
                self.add_error(name, f"{caption} takes {taken[field]} already. Leave one of the two columns out.")
            elif field:
                taken[field] = self.header[position]
        if self.header and self.table.key not in taken and not self.errors:
            caption = self.table.field(self.table.key).caption
            self.add_error(self.column_names[0], f"No column gives {caption}. Choose the column that holds it.")
        return given

    def _offer(self) -> None:
        facts = self.contents.facts if self.contents else None
        workbook = facts is not None and facts.kind == "workbook"
        encodings = [(codec, name) for codec, name in NAMES.items() if codec != "utf-8-sig"]
        separators = [(mark, name.capitalize()) for mark, name in SEPARATOR_NAMES.items()]
        sheets = [(name, name) for name in (facts.sheets if facts else [])]
        found = {
            "encoding": facts.encoding if facts else "",
            "separator": SEPARATOR_NAMES.get(facts.separator, facts.separator) if facts else "",
            "sheet": facts.sheet if facts else "",
            "decimal": _decided(self.plan.decimal if self.plan else {}, styles.DECIMAL_NAMES),
            "dates": _decided(self.plan.dates if self.plan else {}, styles.ORDER_NAMES),
        }
        choices = {
            "encoding": encodings,
            "separator": separators,
            "sheet": sheets,
            "decimal": [(mark, name.capitalize()) for mark, name in styles.DECIMAL_NAMES.items()],
            "dates": [(order, name.capitalize()) for order, name in styles.ORDER_NAMES.items()],
        }
        for name, known in choices.items():
            own = getattr(self.parameters.options, name)
            extra = [(own, own)] if own and own not in dict(known) else []
            automatic = _automatic(found[name]) if found[name] and not own else "Find out"
            self.fields[name].choices = [("", automatic), *known, *extra]  # type: ignore[attr-defined]
        types = {field.type for field in self.table.fields}
        for name, shown in (
            ("encoding", not workbook), ("separator", not workbook), ("sheet", workbook and len(sheets) > 1),
            ("decimal", bool(types & {"number", "integer"})), ("dates", bool(types & {"date", "datetime"})),
        ):  # fmt: skip
            if not shown:
                del self.fields[name]

    def _offer_columns(self) -> None:
        chosen = {word: name for name, word in self.parameters.columns.items()}
        if not chosen:
            chosen = {word: name for name, (_, word) in guess_columns(self.table, self.header).items()}
        fields = [("", "Leave out"), *((field.name, field.caption) for field in self.table.fields)]
        for position, word in enumerate(self.header):
            name = f"column-{position}"
            self.fields[name] = forms.ChoiceField(
                label=word or f"Column {position + 1}", required=False, choices=fields
            )
            self.initial[name] = chosen.get(word, "") if word else ""


def _automatic(found: str) -> str:
    """Return the choice of what was found out, as it is offered."""
    return "Not decided" if found == _OPEN else f"Found: {found}"


def _decided(found: dict[str, str], names: dict[str, str]) -> str:
    """Return what the columns' own styles are: one word where they agree."""
    words = {names.get(style, _OPEN) for style in found.values()}
    return words.pop() if len(words) == 1 else "by column" if words else ""
