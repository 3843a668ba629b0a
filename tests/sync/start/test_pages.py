"""Starting synchronizations of a selection and of a mapping, requested as a browser does."""

from jobs.models import Job
from jobs.running.waiting import run_to_end
from tests.sync.conftest import coupling_of, customer, page_text, page_url, patch, synchronize


def test_synchronize_now_asks_for_the_direction_and_starts_one_job(company, customers, operator, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    address = page_url(company, "synchronize-selection", table="customer")
    before = Job.objects.count()
    operator.post(address, {})
    assert Job.objects.count() == before
    page = page_text(operator.post(address, {"selected": [str(one.system_id)]}))
    assert all(
        word in page for word in ("Send data update to Dataverse", "Get data update from Dataverse", "Merge data")
    )
    assert Job.objects.count() == before
    token = page.split('name="selection" value="')[1].split('"')[0]
    operator.post(address, {"selection": token, "way": "to"})
    job = run_to_end(Job.objects.latest("pk"))
    assert job.one_record and job.direction == "to_integration_table"
    assert remote.rows("accounts")[0]["address1_city"] == "Bonn"


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
