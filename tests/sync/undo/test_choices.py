"""A job that coupled records with choices of a column is undone as well."""

import pytest

from core.refusals import Refusal
from coupling.couplings.services import start_coupling
from coupling.models import OptionMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import PaymentTerms
from sync.undo.services import start_undo
from tests.coupling.test_commands import spoken
from tests.sync.conftest import counters, page_text, page_url, signed_in, update_mapping
from tests.sync.undo.conftest import previewed


def test_the_couplings_with_choices_end_and_what_is_gone_is_told(matching):
    for code in ("NET 30", "NET 45"):
        PaymentTerms.objects.create(company=matching, code=code)
    mapping = update_mapping(matching, "PAYMENT TERMS")
    job = run_to_end(start_coupling(mapping=mapping, criteria=[Criterion("code", "paymenttermscode")]))
    assert counters(job) == {"coupled": 2}
    OptionMapping.objects.filter(local_id=PaymentTerms.objects.get(code="NET 45").system_id).delete()
    found = previewed(job)
    operator, url = signed_in("Operator"), page_url(matching, "undo-preview", undo=found.pk)
    assert "The coupling ends" in page_text(operator.get(url))
    assert "NET 45" in page_text(operator.get(url, {"tab": "stays"}))
    *_, preview = spoken("undo", str(job.pk), "--preview")[0]
    assert preview["counters"]["uncoupled"] == 1
    operator.post(page_url(matching, "undo-carry-out", undo=found.pk))
    done = run_to_end(Job.objects.get(type="undo"))
    found = [(row.local_key, row.outcome, row.reason) for row in JobOutcomes(done)]
    assert sorted(found) == [("NET 30", "uncoupled", ""), ("NET 45", "skipped", "not_coupled")]
    assert not OptionMapping.objects.exists()
    with pytest.raises(Refusal, match="Nothing is left"):
        start_undo(job=job)
