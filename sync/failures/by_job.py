"""What is done with selected failed records by jobs: of many the question before, and the way back to the list."""

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.words import counted
from coupling.failures.candidates import look_at
from coupling.failures.choosing import choose
from coupling.failures.likely import COUPLE
from coupling.models import FailedRecord
from coupling.page_parts import EXPLAINED, show_error
from masterdata.models import Company
from sync.failures import services
from sync.failures.asked import MOST_KEPT, selected_failures, tell_settled, way_back
from ui import ids, listing, render
from ui.kit import Action

_SALT = "sync.failures.by_job"
_CANDIDATE = "candidate-"
_EXAMPLES = 50
"""Records that have rows nearly alike of which a question lists the pairs one by one."""
Start = Callable[..., list[services.Started]]


def start(request: HttpRequest, owner: Company, verb: Start, rows: "QuerySet[FailedRecord]") -> HttpResponse:
    """Start jobs, and go back to the list, where lines say by which job they are taken up."""
    try:
        started = verb(failed=rows, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(way_back(request, owner))
    lines: list[tuple[int, int]] = []
    for job, failed in started:
        what = "1 record is" if (count := failed.count()) == 1 else f"{count:,} records are"
        messages.success(request, f"{what} taken up by job {job.pk}. This list is shorter once it has ended.")
        lines += [(pk, job.pk) for pk in failed.values_list("pk", flat=True)[: MOST_KEPT - len(lines)]]
    return tell_settled(request, owner, lines)


def ask_about_many(request: HttpRequest, owner: Company, chosen: listing.Selection) -> HttpResponse:
    """Ask before many are coupled with their candidates by a job; the rows chosen on the page go along."""
    nearly = chosen.rows.filter(nearly__gt=0)
    count = nearly.count()
    text = (
        f"{chosen.count:,} records are taken up by a job. It couples each with the row chosen in its line, else with "
        "the only one that may be coupled, or with the one nearly alike that stands out; where there is none, the "
        "record stays on the list. Nothing is transferred; the next synchronization does that."
    )
    if count:
        text += f" {counted(count, 'record')} {'has' if count == 1 else 'have'} rows that are only nearly alike."
    token = signing.dumps([[str(one), str(row)] for one, row in _rows_chosen(request, owner)], salt=_SALT)
    return render.confirm(
        request,
        title=COUPLE,
        text=text,
        lines=_examples(request, nearly, count) if count else (),
        action=Action(
            "Couple", request.path, "post", "couple", primary=True,
            values={"chosen": token, "selection": chosen.token, "back": way_back(request, owner)},
        ),
        back=way_back(request, owner),
        company=owner,
        careful=bool(count),
    )  # fmt: skip


def _examples(request: HttpRequest, nearly: "QuerySet[FailedRecord]", count: int) -> list[str]:
    """Return the first pairs of rows nearly alike in words; none while Dataverse cannot be asked: the job looks."""
    seen = look_at(list(nearly[:_EXAMPLES]), user=request.user)
    if seen.problem is not None:
        return []
    pairs, _ = choose(seen.lines, {})
    lines = [one.sentence for one in pairs]
    return [*lines, f"and others among {count - _EXAMPLES:,} more"] if count > _EXAMPLES else lines


def _rows_chosen(request: HttpRequest, owner: Company) -> Iterator[tuple[UUID, UUID]]:
    """Yield the rows that the person chose on the page: (record, row)."""
    given: dict[int, UUID] = {}
    for name, value in request.POST.items():
        number = ids.parse_id(name.removeprefix(_CANDIDATE)) if name.startswith(_CANDIDATE) else None
        if number is not None and (row_id := _row_id(str(value))) is not None:
            given[number] = row_id
    records = FailedRecord.objects.filter(company=owner, pk__in=list(given)).values_list("pk", "local_id")
    yield from ((local_id, given[pk]) for pk, local_id in records)


def _row_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:  # a choice
        return None


def couple_many(request: HttpRequest, owner: Company, token: str) -> HttpResponse:
    """Couple the records that the person was asked about by a job."""
    chosen = selected_failures(request, owner)
    try:
        pairs = [(UUID(one), UUID(row)) for one, row in signing.loads(token, salt=_SALT)]
    except (signing.BadSignature, ValueError, TypeError):
        return listing.nothing_selected(request, way_back(request, owner))
    if not chosen:
        return listing.nothing_selected(request, way_back(request, owner))
    return start(request, owner, partial(services.couple_by_job, chosen=pairs), chosen.rows)
