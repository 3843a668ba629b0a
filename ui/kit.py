"""The page kit: pages as data, rendered by few templates.

A view builds a Page of these records and hands it to ui.render.page(request, page). Nothing here knows HTML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

State = Literal["", "ok", "warn", "bad", "run", "late", "hold"]
"""How a thing stands; always shown with a word and a shape, never by colour alone."""


@dataclass(frozen=True, slots=True)
class Status:
    """A word with its state: "Finished" (ok), "3 failed" (bad)."""

    text: str
    state: State = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Text that leads somewhere."""

    text: str
    url: str
    state: State = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A value of the other side beside one of this side: equal, or different."""

    text: str
    equal: bool


@dataclass(frozen=True, slots=True)
class Long:
    """A text that may be long: shown in part, and whole to who asks for it."""

    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Fields that changed: caption, before, after; blank values are said to be so."""

    fields: tuple[tuple[str, str, str], ...]


RunLook = Literal["finished", "idle", "errors", "failed", "run", "stopped"]
"""How a run ended, or that it has not; each has a shape of its own."""


@dataclass(frozen=True, slots=True)
class RunMark:
    """One run in a strip: its look, and when it began and how it ended, in words."""

    look: RunLook
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Runs so far, the oldest first, as one picture that leads to them; summary: the same in words."""

    marks: tuple[RunMark, ...]
    summary: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a whole are done, as numbers and as a bar; failed: those of the rest that failed.

    rest: what is told of those that are not done, such as how many failed, with where it is settled.
    """

    done: int
    total: int
    failed: int = 0
    rest: "Sequence[Link | str]" = ()


Cell = (
    str | int | float | bool | Decimal | date | UUID | None
    | Status | Link | Compared | Long | Changes | Strip | Coverage
)  # fmt: skip
"""What a list cell or a field shows (a datetime is a date here). None and "" show as nothing."""


@dataclass(frozen=True, slots=True)
class Action:
    """A link (GET) or a button (POST) in the action bar or a menu.

    `selection`: it submits the page's list form, so that the view gets the selected rows (ui.listing.selected).
    `off`: the reason why it cannot be used now; it then shows as text with that reason.
    """

    label: str
    url: str = ""
    method: Literal["get", "post"] = "get"
    icon: str = ""
    selection: bool = False
    off: str = ""
    note: str = ""
    primary: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    """Hidden values a POST carries."""
    dialog: bool = False
    """The link leads to a confirm page (ui.render.confirm) and may open as a dialog."""
    copies: bool = False
    """Where scripts run, the link's whole address is copied instead of followed."""
    with_form: bool = False
    """It submits the page's form to its own address, so that what was typed goes along."""


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu of actions and, nested, of menus: Related > Dataverse > Coupling."""

    label: str
    items: "Sequence[Action | Menu]"
    icon: str = ""
    off: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about what stands in a field, shown with its error; the answers submit the page's form.

    name: what the answer comes back as. url: where the form goes with it. swap_url: where scripts run, this address
    gets the form instead, and the field alone is replaced by the one in its answer.
    """

    name: str
    answers: Sequence[tuple[str, str]]
    """(value, label): ("yes", "Yes")."""
    url: str
    swap_url: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One caption with a value (read) or a bound form field (write) on a FastTab. `form_field` wins."""

    label: str = ""
    value: Cell = None
    form_field: Any = None
    hint: str = ""
    copy: bool = False
    with_action: Action | None = None
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class FastTab:
    """A section that opens and closes; `gist` is what it says when closed."""

    id: str
    title: str
    fields: Sequence[Field] = ()
    gist: str = ""
    open: bool = True
    table: "Table | None" = None
    template: str = ""
    """A template of the room's own for the body, given the page's context."""
    context: Mapping[str, Any] = field(default_factory=dict)
    controls: Sequence[Any] = ()
    """Bound form fields that the template shows: their errors count as the tab's."""


@dataclass(frozen=True, slots=True)
class Table:
    """A short table without paging: a check list, the lines of a preview."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()
    wrap: frozenset[int] = frozenset()
    empty: str = ""
    stack: bool = False
    """On a narrow screen each row stands over lines: the first cells beside each other, the last one below."""
    cards: bool = False
    """On a narrow screen each row is a card: its first cell is the title, the others have their column's caption."""
    halves: frozenset[int] = frozenset()
    """Columns that stand beside each other on a card, as numbers do."""
    keys: Sequence[tuple[str, str]] = ()
    """What shapes in its cells stand for: (the shape as HTML, words)."""
    row_actions: "Sequence[Action | None]" = ()
    """An action of each row, such as Choose; the row's first cell tells it apart from the others'."""

    @property
    def lines(self) -> "list[tuple[Sequence[Cell], list[tuple[str, Cell]], Action | None]]":
        """Each row, its cells with the captions of their columns, and its action."""
        return [
            (row, list(zip(self.head, row, strict=False)), self.row_actions[at] if at < len(self.row_actions) else None)
            for at, row in enumerate(self.rows)
        ]


@dataclass(frozen=True, slots=True)
class Cue:
    """A number that leads to the list behind it.

    Among what needs attention a cue says more: word: what is wrong, as a status; detail: of what; go: what is done
    there; quiet: what is said instead where there is nothing, "" for nothing.
    """

    number: str
    label: str
    url: str = ""
    state: State = ""
    word: str = ""
    detail: str = ""
    go: str = ""
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class FactBox:
    """Facts beside the page: cues and captioned values."""

    title: str
    facts: Sequence[tuple[str, Cell]] = ()
    cues: Sequence[Cue] = ()
    text: str = ""
    action: Action | None = None
    template: str = ""
    """A template of the room's own for what stands below, given `context` as box_context."""
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """A bar under the title: what happened, why, what to do next."""

    text: str
    state: State = ""
    title: str = ""
    actions: Sequence[Action] = ()


@dataclass(frozen=True, slots=True)
class Tip:
    """The teaching tip beside the title."""

    title: str
    text: str
    links: Sequence[Link] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `percent` None: no total known yet. Polled while `poll_url` is set."""

    phase: str
    text: str
    percent: int | None = None
    details: Sequence[str] = ()
    poll_url: str = ""
    poll_every: str = "2s"
    """How often it is asked for, as htmx has it: more often where somebody waits for what takes a moment."""
    refreshes: bool = True
    """Whether the page refreshes by itself without scripts, too; a link does it otherwise."""


@dataclass(frozen=True, slots=True)
class GuideStep:
    """A step of a guide. `url` leads to it; "" while it cannot be opened yet."""

    caption: str
    url: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """What makes a page one step of an assisted setup guide: where it stands, what it asks, and the ways on.

    The page's `submit` is Next or Finish. Its FastTabs show as plain sections, in a form when `form_url` is set.
    """

    steps: Sequence[GuideStep]
    at: int
    """The step's place among `steps`, from 0."""
    heading: str
    text: Sequence[str] = ()
    """Paragraphs between the heading and the sections."""
    back: Link | None = None
    later: Link | None = None
    """Where leaving the guide leads; it can be gone on with afterwards."""
    actions: Sequence[Action] = ()
    """What else can be done at this step, below the sections."""
    wide: bool = False
    """Whether the step needs the room of a table."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: title (its one h1), actions, body, fact boxes.

    The body is, in this order and as far as given: notices, progress, cues, FastTabs (inside a form when `form_url`
    is set), a template above the listing (`lead`), a listing, or a template of the room's own (`template`); both are
    given `context`.
    """

    title: str
    crumbs: Sequence[Link] = ()
    company: Any = None
    state: Status | None = None
    tip: Tip | None = None
    help: str = ""
    """A page of docs/, for the help link: "coupling.md#criteria"."""
    actions: Sequence[Action | Menu] = ()
    notices: Sequence[Notice] = ()
    progress: Progress | None = None
    cues: Sequence[Cue] = ()
    fast_tabs: Sequence[FastTab] = ()
    guide: Guide | None = None
    form_url: str = ""
    form_enctype: str = ""
    form_window: str = ""
    """Where scripts run, the form is sent from a new window of this name, which says so as `in_window`; where the
    browser opens none, and without scripts, from this one."""
    submit: Action | None = None
    submit_without_scripts: bool = False
    """The submit button shows only where scripts do not run: with them, the page's switches act by themselves."""
    cancel: Link | None = None
    listing: Any = None
    """A ui.listing.Listing."""
    lead: str = ""
    """A template of the room's own above the listing, given the page's context."""
    fact_boxes: Sequence[FactBox] = ()
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
