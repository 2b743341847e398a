"""Records that belong to a record: looked up only when a template reads them, and together for many events.

A need is a dotted path of relations, such as `person` or `person.organization`. `custom` is a need too: the
custom fields by label, and so is `move`: how a deal moved between stages. Each level of the paths costs at most
one call for each entity and 100 ids; users, stages, pipelines and field lists come from what is remembered of the
account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import custom_fields, stage_moves
from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.engine.contracts import JsonObject, Occurrence

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_CUSTOM = "custom"
_PREVIOUS_STAGE = "previous_stage"
_MOVE = "move"
ANY = "record"
_DEEPEST = 3

# relation -> (the record's key that holds the id, what it is the id of)
_Relations = Mapping[str, tuple[str, str]]
_OWNER = {"owner": ("owner_id", "user")}
_RELATIONS: Mapping[str, _Relations] = {
    "deal": {
        "person": ("person_id", "person"),
        "organization": ("org_id", "organization"),
        **_OWNER,
        "creator": ("creator_user_id", "user"),
        "stage": ("stage_id", "stage"),
        "pipeline": ("pipeline_id", "pipeline"),
        _PREVIOUS_STAGE: ("", "stage"),
    },
    "person": {"organization": ("org_id", "organization"), **_OWNER},
    "organization": _OWNER,
    "lead": {
        "person": ("person_id", "person"),
        "organization": ("organization_id", "organization"),
        **_OWNER,
        "creator": ("creator_id", "user"),
    },
    "activity": {
        "person": ("person_id", "person"),
        "organization": ("org_id", "organization"),
        "deal": ("deal_id", "deal"),
        **_OWNER,
    },
    "note": {
        "person": ("person_id", "person"),
        "organization": ("org_id", "organization"),
        "deal": ("deal_id", "deal"),
        "user": ("user_id", "user"),
    },
    "product": _OWNER,
    "stage": {"pipeline": ("pipeline_id", "pipeline")},
}
_LISTED = {"user": "users", "stage": "stages", "pipeline": "pipelines"}


def needs(entity: str, paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """Return the dotted relations that template paths read, each with those on the way to it.

    A path begins with the record's name (`deal`, `record`); names that are no relation end it.
    """
    if entity == ANY:
        walked_paths = list(paths)
        return frozenset().union(*(needs(one, walked_paths) for one in _RELATIONS))
    found: set[str] = set()
    for path in paths:
        if not path or path[0] not in (entity, "record"):
            continue
        at, walked = entity, ""
        for name in path[1 : 1 + _DEEPEST]:
            if (name == _CUSTOM and at in FIELD_LISTS) or (name == _MOVE and at == "deal" and not walked):
                found.add(f"{walked}.{name}".lstrip("."))
                break
            relation = _RELATIONS.get(at, {}).get(str(name))
            if relation is None:
                break
            walked = f"{walked}.{name}".lstrip(".")
            found.add(walked)
            at = relation[1]
    return frozenset(found)


@dataclass(frozen=True)
class _Place:
    """A record whose relations are wanted, and the table that takes them."""

    entity: str
    record: JsonObject
    previous: Mapping[str, Any]
    into: JsonObject
    wanted: frozenset[str]


def load(
    occurrences: Sequence[Occurrence], needs: frozenset[str], client: PipedriveClient
) -> list[JsonObject]:
    """Return for each occurrence what its record is to carry; what is not there stands as null.

    Raises DeliveryError, CredentialsError when a look-up failed; nothing is passed over.
    """
    results: list[JsonObject] = [{} for _ in occurrences]
    places = [
        _Place(one.entity, one.record, one.previous or {}, into, needs)
        for one, into in zip(occurrences, results, strict=True)
    ]
    while places:
        places = _fill_level(places, client)
    return results


def _fill_level(places: list[_Place], client: PipedriveClient) -> list[_Place]:
    """Fill the direct relations of these places and return the places of the next level."""
    links = [link for place in places for link in _links(place)]
    found = _Found(client)
    found.fetch((target, number) for _, _, target, number in links)
    below: list[_Place] = []
    for place, name, target, number in links:
        record = found.get(target, number)
        place.into[name] = record
        inner = _inner(place.wanted, name)
        if record is not None and inner:
            below.append(_Place(target, record, {}, record, inner))
    for place in places:
        if _CUSTOM in place.wanted and place.entity in FIELD_LISTS:
            place.into[_CUSTOM] = _customs(place, client)
        if _MOVE in place.wanted and place.entity == "deal":
            place.into[_MOVE] = _move(place, client)
    return below


def _links(place: _Place) -> list[tuple[_Place, str, str, Any]]:
    links = []
    for name, (key, target) in _RELATIONS.get(place.entity, {}).items():
        if name in place.wanted:
            number = place.previous.get("stage_id") if name == _PREVIOUS_STAGE else place.record.get(key)
            links.append((place, name, target, number if isinstance(number, int | str) else None))
    return links


def _inner(wanted: frozenset[str], name: str) -> frozenset[str]:
    start = f"{name}."
    return frozenset(need.removeprefix(start) for need in wanted if need.startswith(start))


class _Found:
    """What one level's look-ups gave."""

    def __init__(self, client: PipedriveClient) -> None:
        self._client = client
        self._records: dict[tuple[str, Any], JsonObject] = {}

    def fetch(self, links: Iterable[tuple[str, Any]]) -> None:
        by_target: dict[str, set[Any]] = {}
        for target, number in links:
            if number is not None:
                by_target.setdefault(target, set()).add(number)
        for target, numbers in by_target.items():
            if target in _LISTED:
                records = self._from_list(_LISTED[target], numbers)
            else:
                records = self._client.by_ids(target, sorted(numbers, key=str))
            self._records.update({(target, number): record for number, record in records.items()})

    def _from_list(self, name: str, numbers: set[Any]) -> dict[Any, JsonObject]:
        known = {entry["id"]: entry for entry in self._client.lists.get(name) or ()}
        if not numbers <= known.keys():
            # A newer entry than the list; asking again once tells.
            known = {entry["id"]: entry for entry in self._client.lists.fetch(name) or ()} or known
        return {number: known[number] for number in numbers if number in known}

    def get(self, target: str, number: Any) -> JsonObject | None:
        """Return a copy, so that two events can carry different relations inside the same person."""
        record = self._records.get((target, number)) if number is not None else None
        return None if record is None else dict(record)


def _move(place: _Place, client: PipedriveClient) -> JsonObject:
    """Return how the deal moved; the list of stages is read again where it does not know one of the two."""
    before, now = place.previous.get("stage_id"), place.record.get("stage_id")
    stages = client.lists.get("stages") or []
    if not {before, now} <= {stage["id"] for stage in stages} and before is not None:
        stages = client.lists.fetch("stages") or stages
    return stage_moves.move(before, now, stages)


def _customs(place: _Place, client: PipedriveClient) -> JsonObject:
    fields = client.lists.fields(place.entity) or []
    if custom_fields.unknown_keys(place.record, fields):
        fields = client.lists.fields(place.entity, again=True) or fields
    return custom_fields.by_label(place.record, fields)
