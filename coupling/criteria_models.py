"""Matching criteria as rows beside the field mappings: named sets of them, and what was measured to suggest some."""

from typing import Any, ClassVar

from django.db import models

from jobs.models import Job


class CriteriaSet(models.Model):
    """Criteria of a mapping by the name that a person keeps them under; those in use stand on the field mappings."""

    # The constraint below begins with the mapping.
    mapping = models.ForeignKey(
        "coupling.IntegrationTableMapping", on_delete=models.CASCADE, db_index=False, related_name="criteria_sets"
    )
    name = models.CharField(max_length=60)
    criteria = models.JSONField(default=list, help_text="As coupling.matching.criteria.to_json writes them, in order.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mapping", "name"], name="criteria_set_name_per_mapping")
        ]

    def __str__(self) -> str:
        return self.name

    def get_additional_data(self) -> dict[str, Any]:
        """Return what the audit log keeps beside ids, which outlives the set and its mapping."""
        return {"company_id": self.mapping.company_id, "of": f"{self.mapping.name}, {self.name}"}


class CriteriaMeasurement(models.Model):
    """What a job of the kind `suggestion` measured of a mapping's both sides, and the criteria that it suggests."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="measurement")
    mapping = models.ForeignKey(
        "coupling.IntegrationTableMapping", on_delete=models.CASCADE, related_name="measurements"
    )
    measured = models.JSONField(default=dict, help_text="coupling.matching.measurement.Measurement")

    def __str__(self) -> str:
        return f"measurement {self.pk}"
