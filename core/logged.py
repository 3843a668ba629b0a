"""What the audit log keeps of a company's row beside ids, so that the company's Change Log has it when it is gone."""

from typing import Any


class OfCompany:
    """Mixed into a model with a company, whose text is what people call one."""

    company_id: Any

    def get_additional_data(self) -> dict[str, Any]:
        """Return the company, and what the row is called; django-auditlog asks for it."""
        return {"company_id": self.company_id, "of": str(self)}
