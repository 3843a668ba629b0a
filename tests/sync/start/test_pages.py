"""Starting synchronizations of a mapping, requested as a browser does."""

from jobs.models import Job
from tests.sync.conftest import customer, page_text, page_url


def test_a_mapping_is_synchronized_after_asking(company, customers, operator, remote):
    customer(company, "10000")
    address = page_url(company, "synchronize-mapping", mapping="CUSTOMER")
    assert "changed on either side" in page_text(operator.get(address))
    assert "Every coupled pair" in page_text(operator.get(f"{address}?full=1"))
    operator.post(address, {"full": "1"})
    assert Job.objects.get().parameters["full"] is True
    assert operator.get(page_url(company, "synchronize-mapping", mapping="NOTHING")).status_code == 404


def test_asking_again_for_what_waits_leads_to_that_job_and_says_so(company, customers, operator, remote):
    customer(company, "10000")
    address = page_url(company, "synchronize-mapping", mapping="CUSTOMER")
    for _ in range(20):
        answer = operator.post(address, {"full": "1"})
    job = Job.objects.get()
    assert answer["Location"].endswith(f"/jobs/{job.pk}/")
    assert "This job was waiting already" in page_text(operator.get(answer["Location"]))
    operator.post(address, {"full": ""})
    assert Job.objects.count() == 2
