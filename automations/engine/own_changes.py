"""Whether an event tells of a write of ours. Pure: an imprint and recent footprints in, an answer out.

A person's change is never taken for ours: of an event, every value that changed must be one that we wrote. What
follows from other changes by itself counts only beside them; what cannot be written, only soon after we wrote what
moves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from automations.engine.contracts import Imprint, Verb
from automations.engine.footprints import Footprint, digests_of

#: A create whose worker died is open for ever; after this long its reply will not come any more.
REPLY_WITHIN = timedelta(seconds=60)
#: What follows by itself comes at once, if at all.
FOLLOWS_WITHIN = timedelta(minutes=5)


class Undecided:
    """Cannot be told before a reply is here: a record like it is being made by us at this moment."""


UNDECIDED = Undecided()


def whose(imprint: Imprint, footprints: Iterable[Footprint], now: datetime) -> Footprint | Undecided | None:
    """Return the write of ours that an event tells of, None when it is somebody else's.

    footprints: recent ones of the record, and of new records of its entity, oldest first.
    """
    theirs = list(footprints)
    match imprint.verb:
        case Verb.CREATE:
            return _created(imprint, theirs, now)
        case Verb.CHANGE:
            return _changed(imprint, theirs, now)
        case _:
            same = [one for one in theirs if one.verb == imprint.verb and not _is_new(one)]
            return same[-1] if same else None


def _is_new(footprint: Footprint) -> bool:
    return footprint.subject.endswith(":")


def _created(
    imprint: Imprint, footprints: Sequence[Footprint], now: datetime
) -> Footprint | Undecided | None:
    made = [one for one in footprints if one.verb == Verb.CREATE]
    known = [one for one in made if not _is_new(one)]
    if known:
        return known[-1]
    digests = digests_of(imprint.values)
    alike = [one for one in made if _fits(one.digests, digests)]
    if any(not one.answered and now - one.written_at < REPLY_WITHIN for one in alike):
        return UNDECIDED
    return alike[-1] if alike else None


def _fits(written: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Tell whether a record may be the one that was written; what the event does not tell says nothing."""
    shared = written.keys() & found.keys()
    return bool(shared) and all(written[name] == found[name] for name in shared)


def _changed(imprint: Imprint, footprints: Sequence[Footprint], now: datetime) -> Footprint | None:
    digests = digests_of(imprint.values)
    if not digests:
        return _moved(imprint, footprints, now)
    ours: dict[str, Footprint] = {}
    for footprint in footprints:
        if footprint.verb in (Verb.CREATE, Verb.CHANGE) and not _is_new(footprint):
            for name, digest in digests.items():
                if footprint.digests.get(name) == digest:
                    ours[name] = footprint
    for name in digests:
        if name not in ours and not (imprint.follows.get(name, frozenset()) & ours.keys()):
            return None
    return max(ours.values(), key=lambda one: one.written_at) if ours else None


def _moved(imprint: Imprint, footprints: Sequence[Footprint], now: datetime) -> Footprint | None:
    """Return the write that moved what nobody can write; None where one field of it was moved by something else."""
    recent = [one for one in footprints if not _is_new(one) and now - one.written_at < FOLLOWS_WITHIN]
    written = {name for one in recent for name in one.digests}
    if not recent or not all(movers & written for movers in imprint.derived.values()):
        return None
    return recent[-1]
