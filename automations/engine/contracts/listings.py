"""Records that exist already, and changes that were missed: listed page by page, told from what arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from automations.engine.contracts.fields import JsonObject
from automations.engine.contracts.happenings import Arrival


@dataclass(frozen=True)
class Window:
    """From when until when records are wanted, aware: at or after `since`, before `until`. None: no end there."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class ListedPage:
    """A page of what the other side lists, as arrivals that `ConnectionKind.read` understands.

    cursor: what the next page begins with, plain JSON; None after the last page. The pages must follow each other
    so that a record which is there all the time is never passed over, whatever happens to others meanwhile.
    looked_at: how many records the page had before the window was applied to them here.
    """

    arrivals: Sequence[Arrival]
    cursor: JsonObject | None = None
    looked_at: int = 0


@dataclass(frozen=True)
class RecordState:
    """Which happening of its record an occurrence tells, and which state of it.

    known_as: the same for the same happening, however it became known; `create` for a record that came into being,
    the time of the change for a change. at: when the record got the state that the occurrence carries, aware; of
    two occurrences of one record the later tells the newer state.
    """

    known_as: str
    at: datetime | None = None
