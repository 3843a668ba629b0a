"""Outcomes are kept narrow, and told exactly as they were given."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import CompareAs
from coupling.matching import explanation
from coupling.matching.decisions import Candidate, Decision, PriorityResult, Result
from coupling.matching.explanation import Searched, SearchedField
from coupling.rows import Criterion
from jobs.models import JobOutcome, Outcome, OutcomeWording, Reason
from jobs.outcomes import JobOutcomes
from jobs.running.runner import JobContext, OutcomeRow
from jobs.wording import Wording, names_of
from tests.jobs.conftest import stored

ID, OTHER = UUID(int=7 << 64), UUID(int=9 << 64)

values = st.one_of(
    st.uuids().map(str),
    st.none(),
    st.booleans(),
    st.integers(-5, 1 << 70),
    st.floats(allow_nan=False),
    st.text(max_size=9),
)
keys = st.sampled_from(["local", "caption", "fields", "local_value", "support", "cause", "x", "priority"])
details = st.none() | st.dictionaries(
    keys, st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
)
words = st.sampled_from(
    ["Adatum", "10000", '"Café"', "1,234", "Name", "has", " ", "", "(", ".", "007", str(ID), "a\nb"]
)
messages = st.lists(words | st.text(max_size=5), max_size=8).map("".join)


def json_of(detail):
    """Return a detail as the database gives it back where it is kept as it is."""
    import msgspec

    return None if detail is None else msgspec.json.decode(msgspec.json.encode(detail))


@settings(max_examples=40)
@given(outcomes=st.lists(st.tuples(messages, details, st.lists(words, min_size=3, max_size=3)), max_size=6))
def test_whatever_is_given_is_told_again_also_by_who_reads_what_was_stored(outcomes):
    wording, kept = Wording(), []
    for message, detail, names in outcomes:
        own = names_of(*names, ID, None)
        kept.append((wording.narrow(message, detail, own), message, detail, own))
        wording = Wording(wording.dump()) if len(kept) % 2 else wording
    for arguments, message, detail, own in kept:
        if arguments is not None:
            assert Wording(wording.dump()).tell(arguments, own) == (message, json_of(detail))


names = st.sampled_from(["", "Adatum Corporation", "Café 7", "N/A", "10000", "Léa \u00a0Bell"])
results = st.sampled_from([Result.NO_MATCH, Result.MULTIPLE, Result.ALREADY_COUPLED])


@st.composite
def decisions(draw):
    """Return the message and the detail of a decision, as the coupling job has them."""
    fields = [
        SearchedField(Criterion("name", "name", 0, compare_as=CompareAs.TEXT), "Name", draw(names)),
        SearchedField(Criterion("phone_no", "telephone1", 0), "Phone No.", draw(names)),
    ]
    searched, result = Searched(fields[: draw(st.integers(1, 2))]), draw(results)
    found = tuple(Candidate(OTHER, name, coupled=True) for name in draw(st.lists(names, max_size=3)))
    trail = (PriorityResult(0, len(found), draw(st.sampled_from([*Result]))), PriorityResult(1, 0, result))
    decision = Decision(0, ID, result, 0, draw(st.integers(0, 30_000)), found, trail)
    partner = draw(names)
    message = explanation.not_coupled(
        decision, searched, mapping="CUSTOMER", blank_is_no_match=draw(st.booleans()), partner=partner,
        near=explanation.nearly_matched(searched, [draw(names) for _ in searched.fields]),
        closest=explanation.closest_row(searched, [draw(names) for _ in searched.fields]),
    )  # fmt: skip
    detail = {
        "fields": [
            {"local": one.criterion.local, "integration": one.criterion.integration, "local_value": one.value}
            for one in searched.used
        ],
        "candidates": [{"id": str(one.id), "name": one.name, "coupled_to": partner or None} for one in found],
        "trail": [
            {"priority": one.priority, "fields": ["name", "city"], "rows": one.row_count, "result": one.result.value}
            for one in trail
        ],
    }
    return message, detail


@settings(max_examples=40)
@given(made=st.lists(decisions(), max_size=8))
def test_decisions_are_told_as_they_are_stored_today(made):
    wording = Wording()
    own = names_of("10000", "Adatum Corporation", "", ID, OTHER)
    kept = [wording.narrow(message, detail, own) for message, detail in made]
    assert [wording.tell(one, own) for one in kept if one is not None] == made


def test_a_failed_record_takes_a_few_bytes_beside_its_values():
    wording = Wording()
    fields = [{"local": "phone_no", "integration": "telephone1", "local_value": "0121 555 0100"}]
    trail = [{"priority": at, "fields": ["phone_no"], "rows": 0, "result": "no_match"} for at in range(3)]
    detail = {"fields": fields, "candidates": [], "trail": trail}
    message = "No row in Dataverse has the same Phone No. Match on other fields, or create it there."
    first = wording.narrow(message, detail, [])
    size = len(wording.dump())
    assert wording.narrow(message, detail, []) == first
    assert len(first) < len("0121 555 0100") + 21
    assert len(wording.dump()) == size


def test_a_sentence_repeats_what_the_outcome_holds_without_keeping_it_twice():
    wording = Wording()
    own = names_of("10000", "Adatum Corporation", "Adatum Ltd.", ID, OTHER)
    message = f'Adatum Corporation cannot have the number 10000 of row {ID}, which is "Adatum Ltd.".'
    assert wording.tell(wording.narrow(message, None, own), own) == (message, None)
    assert len(wording.narrow(message, None, own)) < 15
    assert wording.entries == ['\0 cannot have the number \0 of row \0, which is "\0".']


def test_where_there_is_no_room_for_more_sentences_an_outcome_keeps_its_own(monkeypatch):
    monkeypatch.setattr("jobs.wording.MOST_ENTRIES", 2)
    wording, said = Wording(), [f"A sentence with {'very ' * n}long words." for n in range(5)]
    kept = [wording.narrow(one, {"fields": [{"local": one}]}, ()) for one in said]
    assert [wording.tell(one, ()) for one in kept] == [(one, {"fields": [{"local": one}]}) for one in said]
    assert len(wording.entries) == 2


# -- in the database ---------------------------------------------------------------------------------------------------


def lose() -> None:
    """Have a checkpoint rolled back."""
    raise KeyError


def failing(context: JobContext) -> None:
    """Let one record fail in each of three checkpoints, the second of which is lost."""
    for number in range(context.resume.get("next", 0), 3):
        with context.checkpoint() as point:
            row = OutcomeRow(
                Outcome.FAILED, Reason.NO_MATCH, local_key=str(number), local_name=f"Name {number}",
                message=f"Name {number} has {number} rows{', at last' if number else ''}.",
                detail={"fields": [{"local": "name", "local_value": f"Name {number}"}]},
            )  # fmt: skip
            point.outcomes.append(row)
            point.resume = {"next": number + 1}
        if number == 1:
            try:
                with context.checkpoint() as point:
                    point.outcomes.append(row._replace(message="This is never saved."))
                    lose()
            except KeyError:
                pass
    context.finish()


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_job_are_read_as_they_were_written_and_its_sentences_are_kept_once(kinds, django_assert_num_queries):
    from jobs.running.runner import run
    from masterdata.models import Company

    kinds("failing", failing)
    job = stored(Company.objects.create(name="CRONUS", currency_code="USD"), type="failing")
    run(job.pk)
    job.refresh_from_db()
    said = ["Name 0 has 0 rows.", "Name 1 has 1 rows, at last.", "Name 2 has 2 rows, at last."]
    with django_assert_num_queries(2):
        rows = list(JobOutcome.objects.order_by("pk"))
        assert [row.message for row in rows] == said
    assert [row.message for row in JobOutcomes(job)] == said
    assert [row.detail for row in job.outcomes.order_by("pk")] == [
        {"fields": [{"local": "name", "local_value": f"Name {number}"}]} for number in range(3)
    ]
    assert set(JobOutcome.objects.values_list("message", "detail")) == {("", None)}
    assert [entry for entry in OutcomeWording.objects.get().known.entries if isinstance(entry, str)] == [
        "\0 has \0 rows.", "\0 has \0 rows, at last.",
    ]  # fmt: skip
    job.delete()
    assert not OutcomeWording.objects.exists()


def test_rows_that_hold_their_texts_are_read_as_ever_and_what_a_reader_puts_in_stays(company):
    job = stored(company)
    old = JobOutcome.objects.create(job=job, outcome="failed", message="As it was.", detail={"code": "1"})
    wording = Wording()
    arguments = wording.narrow("Of 3 rows.", {"code": "2"}, [])
    kept = OutcomeWording.objects.create(job=job, entries=wording.dump())
    JobOutcome.objects.create(job=job, outcome="failed", wording=kept, arguments=arguments)
    first, second = JobOutcome.objects.order_by("pk")
    assert (first.pk, first.message, first.detail) == (old.pk, "As it was.", {"code": "1"})
    second.message = "Another text."
    assert (second.message, second.detail) == ("Another text.", {"code": "2"})
    again = JobOutcome.objects.only("outcome").get(pk=second.pk)
    assert (again.message, again.detail) == ("Of 3 rows.", {"code": "2"})
    again.refresh_from_db()
    assert again.message == "Of 3 rows."
