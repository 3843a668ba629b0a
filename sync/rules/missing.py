"""Decide what becomes of a pair one side of which was deleted: data in, decision out. No Django, no HTTP."""

from dataclasses import dataclass

from core.vocabulary import DeletionOption, Direction
from sync.rules.values import Side


@dataclass(frozen=True, slots=True)
class Restore:
    """Create the missing side again from the one that still exists."""

    side: Side


@dataclass(frozen=True, slots=True)
class DeleteCoupling:
    """Uncouple the two. `both_gone`: neither record exists any more."""

    both_gone: bool = False


@dataclass(frozen=True, slots=True)
class DeleteSurvivor:
    """Delete the side that still exists, and the coupling."""

    side: Side


@dataclass(frozen=True, slots=True)
class DeletionToResolve:
    """One side was deleted and no option says what to do: the pair fails with `reason`."""

    reason: str


def decide_missing(
    *, local_gone: bool, remote_gone: bool, option: DeletionOption, allowed: Direction, delete_survivor: bool = False
) -> Restore | DeleteCoupling | DeleteSurvivor | DeletionToResolve:
    """Decide what becomes of a pair one side of which was deleted.

    A pair of which both sides are gone is uncoupled whatever the option says. Restoring needs a direction that flows
    from the surviving side; where there is none, the pair fails as if no option were set. delete_survivor: a person
    chose to delete the other side too, which counts before the option.
    """
    if local_gone and remote_gone:
        return DeleteCoupling(both_gone=True)
    if delete_survivor:
        return DeleteSurvivor(Side.LOCAL if remote_gone else Side.INTEGRATION)
    if option == DeletionOption.UNCOUPLE:
        return DeleteCoupling()
    if option == DeletionOption.RESTORE:
        if remote_gone and allowed != Direction.FROM:
            return Restore(Side.INTEGRATION)
        if local_gone and allowed != Direction.TO:
            return Restore(Side.LOCAL)
    return DeletionToResolve("integration_deleted" if remote_gone else "local_deleted")
