"""The template that a mapping names: what records that come from Dataverse begin with, where no column says."""

from core.refusals import NotUsable
from coupling.models import IntegrationTableMapping
from masterdata import record_templates
from masterdata.models import RecordTemplate
from sync.engine.field_specs import Fields
from sync.rules.values import Problem


def apply_template(fields: Fields, mapping: IntegrationTableMapping) -> None:
    """Set what new local records begin with; or why that is not known, which fails them.

    What comes from Dataverse counts more, also a blank: a field that a column fills is left out.
    """
    if not mapping.template:
        return
    found = RecordTemplate.objects.filter(company=mapping.company, table=mapping.table, code=mapping.template).first()
    if found is None:
        fields.template_problem = Problem(
            "configuration",
            f"There is no template {mapping.template}, which {mapping.name} names for new records.",
            "Make it on Templates for New Records, or choose another on the mapping's card.",
        )
        return
    try:
        values = record_templates.values_of(found)
    except NotUsable as error:
        fields.template_problem = Problem("configuration", f"Template {found.code}: {error.message}", error.fix)
        return
    fields.first_key = found.first_no
    fields.template = {name: value for name, value in values.items() if name not in fields.written_names}
