"""The one door for writes: check, apply the rules, store, tell the listeners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import custom_values, rules, schema
from .deal_rules import deal
from .entities import BY_NAME, LINKS
from .entity import Entity
from .errors import bad_request, invalid, not_found, refused_v1
from .product_rules import product
from .state import Account, Action, Actor, Change, Id, Record, stamp

_RULES: dict[str, rules.Rule] = {
    "deal": deal,
    "product": product,
    "person": rules.person,
    "organization": rules.organization,
    "activity": rules.activity,
    "pipeline": rules.pipeline,
    "stage": rules.stage,
    "note": rules.note,
    "lead": rules.lead,
    "user": rules.user,
}
_V1 = frozenset({"note", "lead"})
_MERGEABLE = frozenset({"person", "organization", "deal"})


class Records:
    """Creates, changes, deletes and merges records. Every method raises `Refusal` with the API's own answer."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(self, name: str, values: Mapping[str, Any], actor: Actor) -> Record:
        entity = BY_NAME[name]
        with self._account.lock:
            checked, custom = self._checked(entity, values, entity.keys, entity.required)
            at = self._account.now()
            row = _RULES[name](rules.Write(self._account, actor, checked, None, stamp(at)))
            row = {"id": self._account.new_id(name), **row}
            if entity.has_custom_fields:
                row["custom_fields"] = {key: value for key, value in custom.items() if value is not None}
            self._account.put(Change(name, row["id"], "create", row, None, actor, at), row)
            return row

    def update(self, name: str, record_id: Any, values: Mapping[str, Any], actor: Actor) -> Record:
        """Change the given keys only. A body that changes nothing is taken, and tells nobody."""
        entity = BY_NAME[name]
        with self._account.lock:
            before = self._required(entity, record_id)
            checked, custom = self._checked(entity, values, entity.keys_for_update(), ())
            at = self._account.now()
            row = _RULES[name](rules.Write(self._account, actor, checked, before, stamp(at)))
            if custom:
                merged = {**before["custom_fields"], **custom}
                row["custom_fields"] = {key: value for key, value in merged.items() if value is not None}
            if _same(before, row):
                return before
            self._put(entity, record_id, "change", row, before, actor)
            return row

    def delete(self, name: str, record_id: Any, actor: Actor) -> None:
        entity = BY_NAME[name]
        with self._account.lock:
            before = self._required(entity, record_id)
            self._put(entity, record_id, "delete", self._deleted(before), before, actor)

    def merge(self, name: str, loser_id: Any, winner_id: Any, actor: Actor) -> Record:
        """The winner stays and wins conflicts; what it lacks comes from the loser, which goes away."""
        entity = BY_NAME[name]
        if name not in _MERGEABLE:
            raise refused_v1(f"{entity.plural} cannot be merged")
        with self._account.lock:
            loser, winner = self._required(entity, loser_id), self._required(entity, winner_id)
            if loser_id == winner_id:
                raise refused_v1(f"A {name} cannot be merged with itself")
            at = self._account.now()
            row = _merged(loser, winner, stamp(at))
            gone = Change(name, loser_id, "delete", None, loser, actor, at, merged_to_id=winner_id)
            self._account.put(gone, self._deleted(loser))
            self._point_links(name, loser_id, winner_id)
            kept = Change(name, winner_id, "change", row, winner, actor, at, merged_from_id=loser_id)
            self._account.put(kept, row)
            return row

    def _required(self, entity: Entity, record_id: Any) -> Record:
        record = self._account.get(entity.name, record_id)
        if record is None:
            raise not_found(entity.label)
        return record

    def _put(
        self, entity: Entity, record_id: Id, action: Action, row: Record, before: Record, actor: Actor
    ) -> None:
        at = self._account.now()
        record = None if action == "delete" else row
        self._account.put(Change(entity.name, record_id, action, record, before, actor, at), row)

    def _deleted(self, before: Record) -> Record:
        return {**before, "is_deleted": True, "update_time": stamp(self._account.now())}

    def _checked(
        self,
        entity: Entity,
        values: Mapping[str, Any],
        keys: Mapping[str, schema.Check],
        needed: tuple[str, ...],
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Split a body into checked plain values and custom field values as stored."""
        plain = dict(values)
        if entity.name == "activity" and "person_id" in plain:
            raise bad_request("'person_id' is read-only, use 'participants' instead")
        given = plain.pop("custom_fields", {}) if entity.has_custom_fields else {}
        problems = schema.problems_of(plain, keys, needed)
        custom, custom_problems = self._checked_custom(entity, given)
        problems += custom_problems
        if problems:
            raise refused_v1("; ".join(problems)) if entity.name in _V1 else invalid(problems)
        self._check_links(entity, plain)
        return plain, custom

    def _checked_custom(self, entity: Entity, given: Any) -> tuple[dict[str, Any], list[str]]:
        if not isinstance(given, dict):
            return {}, ["custom_fields: must be an object"]
        custom: dict[str, Any] = {}
        problems: list[str] = []
        for code, value in given.items():
            definition = self._account.fields.get(entity.name, code)
            if definition is None or not definition.is_custom:
                problems.append(f"custom_fields: Unknown key '{code}'")
                continue
            problem = custom_values.check(definition, value, self._account.exists)
            if problem:
                problems.append(f"custom_fields.{code}: {problem}")
            else:
                custom[code] = custom_values.stored(definition, value)
        return custom, problems

    def _check_links(self, entity: Entity, values: Mapping[str, Any]) -> None:
        for key, linked in LINKS.items():
            value = values.get(key)
            if value is None or key not in entity.keys or self._account.exists(linked, value):
                continue
            text = f"{key}: there is no {linked} {value}"
            raise refused_v1(text) if entity.name in _V1 else bad_request(text)

    def _point_links(self, name: str, loser_id: Id, winner_id: Id) -> None:
        """Let everything that pointed to the loser point to the winner; Pipedrive tells no one about these."""
        keys = [key for key, linked in LINKS.items() if linked == name]
        for rows in self._account.tables.values():
            for row_id, row in rows.items():
                moved = {key: winner_id for key in keys if row.get(key) == loser_id}
                if moved:
                    rows[row_id] = {**row, **moved}


def _same(before: Record, after: Record) -> bool:
    quiet = {"update_time", "modified", "last_update_user_id"}
    return all(before.get(key) == value for key, value in after.items() if key not in quiet)


def _merged(loser: Record, winner: Record, at: str) -> Record:
    row = {key: value if value not in (None, [], "") else loser.get(key) for key, value in winner.items()}
    for key in ("emails", "phones"):
        known = {item["value"].lower() for item in winner.get(key) or ()}
        extra = [
            {**item, "primary": False} for item in loser.get(key) or () if item["value"].lower() not in known
        ]
        if winner.get(key):
            row[key] = [*winner[key], *extra]
    row["custom_fields"] = {**loser["custom_fields"], **winner["custom_fields"]}
    row["update_time"] = at
    return row
