"""manage.py suggest MAPPING --company NAME: measure both sides, and print which criteria would couple what."""

from typing import Any

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.couplings.suggest_services import start_suggestion
from coupling.matching import criteria
from coupling.matching.measurement import Measurement, percent
from coupling.matching.measuring import MOST
from coupling.models import CriteriaMeasurement, IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs import services as jobs


class Command(MappingCommand):
    """Measure the uncoupled records of a mapping and its Dataverse rows, and print criteria that suit them."""

    help = "Measure the uncoupled records of a mapping and its Dataverse rows, and print criteria that suit them."

    needs = Can.PREVIEW

    def run(self, options: dict[str, Any]) -> None:
        """Start the job, wait for its end, and print what it suggests, best first."""
        mapping = self.mapping(options["mapping"])
        try:
            job = start_suggestion(mapping=mapping, user=self.acting)
        except DataverseError as error:
            self.refuse_for(error)
        job = self.wait_for(job)
        kept = CriteriaMeasurement.objects.filter(job=job).first()
        if kept is None:
            self.print_json(jobs.summary(job)) if self.as_json else self.print_result(jobs.summary(job))
            raise SystemExit(1)
        found = Measurement.load(kept.measured)
        if found.more_records or found.more_rows:
            self.print_progress(
                f"A sample: the first {MOST:,} of a side were measured, so these numbers are too small."
            )
        lines = suggestions_of(mapping, found)
        if self.as_json:
            self.print_json({"suggestions": lines})
            return
        for one in lines:
            self.print_text(
                f"{one['match']}: {one['unique']:,} unique matches, {one['wrongly_joined']:,} wrongly joined; filled "
                f"here {one['filled_here']} %, in Dataverse {one['filled_there']} %"
            )
        self.print_text(job.message)


def suggestions_of(mapping: IntegrationTableMapping, found: Measurement) -> list[dict[str, Any]]:
    """Return the suggestions as they are printed: `match` is what `couple --match` takes."""
    return [
        {
            "match": criteria.to_words(mapping, one.criteria),
            "unique": one.unique,
            "filled_here": percent(one.filled_here, found.records),
            "filled_there": percent(one.filled_there, found.rows),
            "wrongly_joined": one.wrongly_joined,
        }
        for one in found.suggestions
    ]
