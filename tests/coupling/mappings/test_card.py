"""The card of a mapping: what is chosen there about companies, deletions and conflicts, and what is asked before."""

import io
import json
import re
import sys

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.urls import reverse

from core.vocabulary import ConflictOption, DeletionOption
from coupling.models import IntegrationTableMapping
from tests.coupling.mappings.test_filter_builder import form_of, text

CARD = reverse("coupling:mapping", kwargs={"company": "cronus", "mapping": "CUSTOMER"})
ANEW = "the next run creates that side anew"


@pytest.fixture
def mapper(client, company):
    user = User.objects.create(username="mapper")
    user.groups.add(Group.objects.get_or_create(name="Mapper")[0])
    client.force_login(user)
    return client


def post(mapper, **changes):
    """Post the card's form as it is, with what somebody changes; None takes a tick away."""
    form = form_of(mapper.get(CARD)) | changes
    return mapper.post(CARD, {name: value for name, value in form.items() if value is not None})


def stored():
    return IntegrationTableMapping.objects.get(company__slug="cronus", name="CUSTOMER")


def logged(name):
    return LogEntry.objects.get_for_object(stored()).first().changes_dict[name]


@pytest.mark.parametrize("option", [DeletionOption.RESTORE, DeletionOption.UNCOUPLE, DeletionOption.ASK])
def test_what_happens_to_deletions_is_chosen_on_the_card(mapper, customer_mapping, option):
    before = "" if option else "restore"
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(deletion_conflict=before)
    assert post(mapper, deletion_conflict=option.value).status_code == 302
    assert (stored().deletion_conflict, form_of(mapper.get(CARD))["deletion_conflict"][0]) == (option, option.value)
    assert logged("deletion_conflict") == [before, option.value]


@pytest.mark.parametrize("option", [*ConflictOption.of_a_mapping(), ConflictOption.ASK])
def test_which_side_wins_a_conflict_is_chosen_on_the_card(mapper, customer_mapping, option):
    before = "" if option else "send"
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(update_conflict=before)
    assert post(mapper, update_conflict=option.value).status_code == 302
    assert (stored().update_conflict, form_of(mapper.get(CARD))["update_conflict"][0]) == (option, option.value)
    assert logged("update_conflict") == [before, option.value]


@pytest.mark.parametrize("name", ["deletion_conflict", "update_conflict"])
def test_an_option_that_is_none_is_refused_and_nothing_is_saved(mapper, customer_mapping, name):
    answer = post(mapper, **{name: "perhaps", "multi_company": "on"})
    assert answer.status_code == 400
    assert "perhaps is not one of the available choices" in text(answer)
    assert (getattr(stored(), name), stored().multi_company) == ("", False)


def answer_to(asked, word: str) -> dict[str, str]:
    """Return what the button with the answer sends."""
    return {"sure": re.search(rf'name="sure"\s+value="({word}:[^"]+)"', asked.content.decode())[1]}


@pytest.mark.parametrize(
    ("direction", "means"),
    [
        ("bidirectional", "what is changed here also changes rows that other companies use"),
        ("from_integration_table", "what other companies have in Dataverse comes in here too"),
    ],
)
def test_multi_company_asks_before_it_is_switched_on_and_not_before_it_is_switched_off(
    mapper, customer_mapping, direction, means
):
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(direction=direction)
    asked = post(mapper, multi_company="on", direction=direction)
    assert asked.status_code == 400 and f"{means}. Is that what you want?" in text(asked)
    assert not stored().multi_company
    no = mapper.post(CARD, form_of(asked) | answer_to(asked, "no"))
    assert no.status_code == 200 and "multi_company" not in form_of(no)
    yes = mapper.post(CARD, form_of(asked) | answer_to(asked, "yes"))
    assert yes.status_code == 302 and means not in text(mapper.get(yes.url)), "it was answered just now"
    assert stored().multi_company and form_of(mapper.get(CARD))["multi_company"] == "on"
    assert logged("multi_company") == ["False", "True"]
    answer = post(mapper, multi_company=None, direction=direction)
    assert answer.status_code == 302 and not stored().multi_company


def test_what_two_settings_mean_is_one_question_and_no_takes_both_back(mapper, customer_mapping):
    asked = post(mapper, multi_company="on", synch_only_coupled=None, deletion_conflict="uncouple", every_minutes="45")
    assert asked.status_code == 400
    assert text(asked).count("Yes, save") == 1
    assert ANEW in text(asked) and "rows that other companies use" in text(asked)
    kept = form_of(mapper.post(CARD, form_of(asked) | answer_to(asked, "no")))
    assert "multi_company" not in kept
    assert (kept["synch_only_coupled"], kept["deletion_conflict"][0], kept["every_minutes"]) == ("on", "", "45")
    assert mapper.post(CARD, form_of(asked) | answer_to(asked, "yes")).status_code == 302
    now = stored()
    assert (now.multi_company, now.synch_only_coupled, now.deletion_conflict) == (True, False, "uncouple")


def test_a_yes_answers_the_question_that_was_asked_and_no_other(mapper, customer_mapping):
    asked = post(mapper, multi_company="on")
    more = {"deletion_conflict": "uncouple"}
    given = form_of(asked) | answer_to(asked, "yes") | more
    given.pop("synch_only_coupled")
    again = mapper.post(CARD, given)
    assert again.status_code == 400 and ANEW in text(again) and not stored().multi_company
    assert mapper.post(CARD, form_of(again) | answer_to(again, "yes")).status_code == 302
    assert stored().multi_company and stored().deletion_conflict == "uncouple"


def test_both_ways_are_asked_about_where_rows_of_every_company_only_came_here_before(mapper, customer_mapping):
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(
        direction="from_integration_table", multi_company=True
    )
    asked = post(mapper, multi_company="on", direction="bidirectional")
    assert asked.status_code == 400 and "rows that other companies use. Is that what you want?" in text(asked)
    no = form_of(mapper.post(CARD, form_of(asked) | answer_to(asked, "no")))
    assert (no["direction"][0], no["multi_company"]) == ("from_integration_table", "on")


# -- asked before ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ({"deletion_conflict": "uncouple"}, {"synch_only_coupled": None}),
        ({"synch_only_coupled": False}, {"deletion_conflict": "uncouple"}),
    ],
)
def test_creating_anew_what_was_deleted_is_asked_before_it_is_saved(mapper, customer_mapping, before, changed):
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(**before)
    was = IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).values().get()
    asked = post(mapper, every_minutes="45", **changed)
    assert asked.status_code == 400
    assert f"{ANEW}, since Synch. Only Coupled Records is off. Is that what you want?" in text(asked)
    assert "Yes, save" in text(asked) and "No, leave it as it was" in text(asked)
    assert IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).values().get() == was

    no = mapper.post(CARD, form_of(asked) | answer_to(asked, "no"))
    assert no.status_code == 200 and "Nothing is saved yet" in text(no) and "Is that what you want?" not in text(no)
    kept = form_of(no)
    assert kept["every_minutes"] == "45", "what else was typed stays"
    assert (kept.get("synch_only_coupled") == "on", kept["deletion_conflict"][0]) == (
        was["synch_only_coupled"], was["deletion_conflict"],
    )  # fmt: skip
    assert IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).values().get() == was

    yes = mapper.post(CARD, form_of(asked) | answer_to(asked, "yes"))
    assert yes.status_code == 302
    assert ANEW not in text(mapper.get(yes.url)), "it was answered just now"
    now = stored()
    assert (now.synch_only_coupled, now.deletion_conflict, now.every_minutes) == (False, "uncouple", 45)
    assert post(mapper, every_minutes="50").status_code == 302, "what stays is not asked about"


class Terminal(io.StringIO):
    """Somebody at a terminal, who would be waited for."""

    def readline(self, *_):
        raise AssertionError("nobody is asked")

    def isatty(self):
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_the_command_tells_and_does_not_ask(customer_mapping, monkeypatch, terminal):
    monkeypatch.setattr(sys, "stdin", Terminal() if terminal else io.StringIO())
    out, err = io.StringIO(), io.StringIO()
    words = ("--only-coupled", "no", "--deletion", "uncouple", "--json")
    call_command("mapping", "set", "CUSTOMER", "--company", "Cronus", *words, stdout=out, stderr=err)
    assert json.loads(out.getvalue())["synch_only_coupled"] is False
    assert ANEW in err.getvalue()
