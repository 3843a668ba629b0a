"""The forms of the page Import: which file for what, and what was decided about it, each choosable again."""

from collections.abc import Collection, Sequence
from typing import Any

from django import forms

from coupling.job_parameters import ImportParameters
from masterdata import catalog
from masterdata.files import styles
from masterdata.files.columns import guess_columns
from masterdata.files.csv_lines import SEPARATOR_NAMES
from masterdata.files.encoding import NAMES
from masterdata.files.plan import DATES, NUMBERS, OPEN, Plan
from masterdata.files.reader import Contents
from masterdata.files.types import LIMITS, Options
from masterdata.models import Company

MOST_COLUMNS = 100
"""Columns of a file that a person chooses a field for; of wider files the table's own columns are taken by name."""

_DECIMALS = [(mark, name.capitalize()) for mark, name in styles.DECIMAL_NAMES.items()]
_ORDERS = [(order, name.capitalize()) for order, name in styles.ORDER_NAMES.items()]


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
        self._offer_styles()
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
        whole = ("encoding", "separator", "sheet", "decimal", "dates")
        return Options(
            **{name: given.get(name) or "" for name in whole},
            decimal_of=self._by_field("decimal", NUMBERS), dates_of=self._by_field("dates", DATES),
        )  # fmt: skip

    def blank_clears_of(self) -> dict[str, bool]:
        """Return field -> whether its column's blank cells clear it, where that was chosen for the column."""
        return {name: word == "clear" for name, word in self._by_field("blanks").items()}

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

    def _by_field(self, what: str, types: Collection[str] = ()) -> dict[str, str]:
        """Return field -> what was chosen for its column alone; types: what fields it may be chosen for, blank for all.

        Where a column was given another field meanwhile, the choice goes along if it can be one for it.
        """
        found = {}
        for position, name in enumerate(self.column_names):
            field, choice = self.cleaned_data.get(name), self.cleaned_data.get(f"{what}-{position}")
            if field and choice and (not types or self.table.field(field).type in types):
                found[field] = choice
        return {name: choice for name, choice in found.items() if types or not self.table.field(name).required}

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
            "decimal": _DECIMALS,
            "dates": _ORDERS,
        }
        for name, known in choices.items():
            own = getattr(self.parameters.options, name)
            extra = [(own, own)] if own and own not in dict(known) else []
            automatic = _automatic(found[name]) if found[name] and not own else "Find out"
            self.fields[name].choices = [("", automatic), *known, *extra]  # type: ignore[attr-defined]
        types = {field.type for field in self.table.fields}
        for name, shown in (
            ("encoding", not workbook), ("separator", not workbook), ("sheet", workbook and len(sheets) > 1),
            ("decimal", bool(types & {*NUMBERS})), ("dates", bool(types & {*DATES})),
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
            label = word or f"Column {position + 1}"
            self._choose(name, label, chosen.get(word, "") if word else "", fields)

    def _offer_styles(self) -> None:
        """Offer, beside each column that is taken, how it is written, and what its blank cells do."""
        plan, parameters = self.plan, self.parameters
        for name, (position, word) in plan.columns.items() if plan else ():
            if plan is None or position >= len(self.header):
                continue
            options = parameters.options
            if name in plan.decimal:
                first = _first(options.decimal, styles.DECIMAL_NAMES, plan.style_of(name))
                self._choose(f"decimal-{position}", f"Decimal mark of {word}", options.decimal_of.get(name, ""), [
                    ("", first), *_DECIMALS,
                ])  # fmt: skip
            if name in plan.dates:
                first = _first(options.dates, styles.ORDER_NAMES, plan.style_of(name))
                self._choose(f"dates-{position}", f"Order in the dates of {word}", options.dates_of.get(name, ""), [
                    ("", first), *_ORDERS,
                ])  # fmt: skip
            if name in plan.blanks():
                own = parameters.blank_clears_of.get(name)
                chosen = "" if own is None else "clear" if own else "keep"
                every = "clear the field" if parameters.blank_clears else "leave the value"
                self._choose(f"blanks-{position}", f"Blank cells of {word}", chosen, [
                    ("", f"As for all columns: {every}"), ("keep", "Leave the value"), ("clear", "Clear the field"),
                ])  # fmt: skip

    def _choose(self, name: str, label: str, chosen: str, choices: list[tuple[str, str]]) -> None:
        select = forms.Select(attrs={"aria-label": label})
        self.fields[name] = forms.ChoiceField(label=label, required=False, choices=choices, widget=select)
        self.initial[name] = chosen


def _first(chosen: str, names: dict[str, str], found: str) -> str:
    """Return the choice that leaves a column as it is: what was chosen for all of them, else what was found."""
    return f"As for all columns: {names[chosen]}" if chosen else _automatic(found)


def _automatic(found: str) -> str:
    """Return the choice of what was found out, as it is offered."""
    return "Not decided" if found == OPEN else f"Found: {found}"


def _decided(found: dict[str, str], names: dict[str, str]) -> str:
    """Return what the columns' own styles are: one word where they agree."""
    words = {names.get(style, OPEN) for style in found.values()}
    return words.pop() if len(words) == 1 else "by column" if words else ""
