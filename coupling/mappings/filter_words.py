"""A mapping's filters as its pages show them."""

from coupling import filters, local_records
from coupling.filters.words import ColumnWords, words_of_columns
from coupling.models import IntegrationTableMapping

ALL_RECORDS = "All records"
ALL_ROWS = "All rows"


def table_filter_text(mapping: IntegrationTableMapping) -> str:
    """Return the table filter with the fields' captions and choices; ALL_RECORDS for none."""
    try:
        known = {field.name: field for field in local_records.get_table(mapping).fields}
    except local_records.Unusable:
        known = {}

    def words(name: str) -> ColumnWords:
        field = known.get(name)
        return ColumnWords(field.caption, dict(field.choices)) if field else ColumnWords(name)

    try:
        return filters.readable(filters.parse(mapping.table_filter), words) or ALL_RECORDS
    except filters.BadFilter as error:
        return error.message


def integration_filter_text(mapping: IntegrationTableMapping) -> str:
    """Return the integration table filter as it counts, the condition on the company included; ALL_ROWS for none."""
    words = words_of_columns({})
    try:
        parts = [filters.readable(filters.parse(mapping.integration_filter), words)]
    except filters.BadFilter as error:
        return error.message
    if mapping.company_column and not mapping.multi_company:
        parts.append(f"{filters.caption_of(mapping.company_column)} is this company or blank")
    return ", ".join(filter(None, parts)) or ALL_ROWS
