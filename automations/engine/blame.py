"""Whom to blame when a worker dies: the run that it worked on, if that can be told. Pure.

A dead worker leaves many runs, and one at most has killed it. So each of them gets a small mark, and one that has
two is a suspect from then on: a worker has one suspect in hand at a time. Whoever was the only suspect, or the only
run, when the worker died gets a great mark, and three of these are enough to park it. That way a record that kills
its worker is found after five deaths at most, and its neighbours park nothing. Nor does a machine that loses power
again and again, unless that meets the same run three times while it is the only suspect in hand; so a suspect is
not kept in hand longer than its call takes, and the least suspicious goes first.
"""

from __future__ import annotations

from collections.abc import Mapping

DEATHS_MAX = 3
SUSPECT_AFTER = 2
_GREAT = 10
_SMALL_MAX = _GREAT - 1


def is_suspect(marks: int) -> bool:
    """Tell whether a run may be in hand only without other suspects. marks: as `Run.claims_without_end` holds them."""
    return marks >= _GREAT or marks % _GREAT >= SUSPECT_AFTER


def is_guilty(marks: int) -> bool:
    """Tell whether a run has killed its worker often enough to be parked."""
    return marks // _GREAT >= DEATHS_MAX


def after_death(held: Mapping[int, int]) -> dict[int, int]:
    """Return the new marks of all that a dead worker held. held: run id -> marks until then."""
    suspects = [run_id for run_id, marks in held.items() if is_suspect(marks)] or list(held)
    prime = suspects[0] if len(suspects) == 1 else None
    return {
        run_id: marks + _GREAT if run_id == prime else marks + (marks % _GREAT < _SMALL_MAX)
        for run_id, marks in held.items()
    }
