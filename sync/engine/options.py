"""What a run was asked for."""

from dataclasses import dataclass
from typing import NamedTuple

from core.vocabulary import ConflictOption, DeletionOption, Direction


class DeletionsMet(NamedTuple):
    """What a run knows of pairs one side of which was deleted, kept from slice to slice.

    met: how many wait for a person, or were met; total: of how many pairs; stopped: whether the brake has closed.
    """

    met: int = 0
    total: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for.

    allowed: which way it may write; chosen: the side that wins where both changed; overwrite: the side that wins
    wherever they differ; creates: whether what is uncoupled is created on the other side; retries: whether what
    failed before does not count; deletion: what becomes of pairs one side of which was deleted, blank for what the
    mapping says; delete_survivors: the side of them that still exists is deleted too; deletions: what the run has met
    of such pairs already, None where no brake counts since a person chose the records; by_choice: a person chose for
    single fields (sync.models.ConflictChoice); rule, rule_field: a rule chooses for the fields that wait, or for this
    one.
    """

    allowed: Direction = Direction.BIDIRECTIONAL
    chosen: ConflictOption = ConflictOption.ASK
    overwrite: ConflictOption = ConflictOption.ASK
    creates: bool = False
    retries: bool = False
    deletion: DeletionOption = DeletionOption.ASK
    delete_survivors: bool = False
    deletions: DeletionsMet | None = None
    by_choice: bool = False
    rule: str = ""
    rule_field: str = ""
