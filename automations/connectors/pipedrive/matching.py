"""Finding the one record that a value means, and creating it when there is none.

The rules, for every entity: a look-up that fails raises and nothing is created after it; Pipedrive's search is
only a first guess, each hit is fetched and its field compared; zero, one and many have their stated outcome.
A record that was just made is remembered by its match value, since the search does not know it at once, and
whoever may create holds the match value alone, over all workers.

Source: Pipedrive API v2 "Search persons/organizations/deals" (exact_match ignores case), read 2026-11-22. How
long the index lags behind a write is not documented.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from automations.connectors.pipedrive import account, records
from automations.connectors.pipedrive.match import Match, is_hit, term_of
from automations.connectors.pipedrive.narrowing import whole_number
from automations.engine.contracts import JsonObject
from automations.errors import AmbiguousMatchError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

Mode = Literal["upsert", "update_only", "create_only"]
IfMany = Literal["stop", "oldest", "newest", "merge"]

_CAN_MERGE = frozenset({"person", "organization", "deal"})
_LOOKED_BACK = 100


@dataclass(frozen=True)
class Found:
    """record: None when there is none and none was to be made. merged: ids that went into it."""

    record: JsonObject | None
    created: bool = False
    merged: tuple[int, ...] = ()


# -- finding --------------------------------------------------------------------------------------


def find(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return every record that holds the value, oldest first. Raises when the look-up fails."""
    if match.field == "id":
        record = client.by_id(match.entity, _as_id(match.entity, match.value))
        return [record] if record else []
    fetched = client.by_ids(match.entity, client.search(match.entity, term_of(match), match.search_field))
    hits = sorted((record for record in fetched.values() if is_hit(match, record)), key=_age)
    return hits or _remembered(client, match)


def _as_id(entity: str, text: str) -> int | str:
    return text if entity == "lead" else whole_number(text) or 0


def _remembered(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return the record that was made for this value a while ago, if it still holds it."""
    number = client.directory.known(match.entity, match.field, match.key)
    if number is None:
        return []
    record = client.by_id(match.entity, _as_id(match.entity, number))
    if record is not None and is_hit(match, record):
        return [record]
    client.directory.forget(match.entity, match.field, match.key)
    return []


def find_after_doubt(client: PipedriveClient, match: Match) -> list[JsonObject]:
    """Return the same when a create may just have happened: the search lags, so the newest are looked at, too."""
    found = find(client, match)
    if found or match.field == "id":
        return found
    # Ids grow, except those of leads; times of creation may be given, except on leads.
    newest = client.newest(match.entity, "add_time" if match.entity == "lead" else "id", most=_LOOKED_BACK)
    return sorted((record for record in newest if is_hit(match, record)), key=_age)


def _age(record: JsonObject) -> tuple[str, str]:
    return str(record.get("add_time") or ""), str(record.get("id")).rjust(20, "0")


def choose(client: PipedriveClient, match: Match, found: list[JsonObject], if_many: IfMany) -> Found:
    """Return the one record that several hits stand for.

    Raises AmbiguousMatchError with the candidates where the author wants to decide (`stop`).
    """
    if len(found) <= 1:
        return Found(found[0] if found else None)
    if if_many == "newest":
        return Found(found[-1])
    if if_many == "oldest":
        return Found(found[0])
    if if_many == "merge" and match.entity in _CAN_MERGE:
        return _merge_into_oldest(client, match, found)
    candidates = [
        {
            "id": record["id"],
            "label": records.label_of(match.entity, record),
            "add_time": record.get("add_time"),
        }
        for record in found
    ]
    listed = ", ".join(str(one["label"]) for one in candidates[:10])
    raise AmbiguousMatchError(
        f"{len(found)} {match.entity}s have {match.words}: {listed}. Merge them in Pipedrive, or choose in the step "
        "what to do with several.",
        candidates=candidates,
    )


def _merge_into_oldest(client: PipedriveClient, match: Match, found: list[JsonObject]) -> Found:
    stays, *others = found
    for other in others:
        client.merge(match.entity, other["id"], stays["id"])
    now = client.by_id(match.entity, stays["id"])
    return Found(now or stays, merged=tuple(other["id"] for other in others))


# -- creating -------------------------------------------------------------------------------------


def alone(client: PipedriveClient, match: Match) -> AbstractContextManager[None]:
    """Hold a match value while it is looked up and created. Raises UnavailableError when another has it."""
    return client.directory.alone(f"{match.entity}:{match.field}:{match.key}")


def find_or_create(
    client: PipedriveClient,
    match: Match,
    *,
    mode: Mode,
    if_many: IfMany,
    create: Callable[[], JsonObject],
    in_doubt: bool = False,
) -> Found:
    """Return the record that holds the match value, made by `create` when there is none and `mode` allows it.

    in_doubt: an earlier attempt may have created it a moment ago.
    """
    look = find_after_doubt if in_doubt else find
    if mode == "update_only" or match.field == "id":
        found = choose(client, match, look(client, match), if_many)
        if found.record is not None or mode == "update_only":
            return found
        raise account.wrong(
            f"{match.entity} id",
            match.value,
            "the id of a record that is there; Pipedrive gives ids itself, so it cannot be created with this one",
        )
    with alone(client, match):
        found = choose(client, match, look(client, match), if_many)
        return found if found.record is not None else made(client, match, create)


def made(client: PipedriveClient, match: Match, create: Callable[[], JsonObject]) -> Found:
    """Create the record and remember it by its match value, which is held alone and was just looked up."""
    record = create()
    if record.get("id"):
        client.directory.remember(match.entity, match.field, match.key, str(record["id"]))
    return Found(record, created=True)
