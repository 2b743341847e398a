"""The way of every upsert that finds its record by a match value.

Everything is looked up and checked before the first write: match, owner, labels, options, links. Then one
call creates the record, or sends the keys that differ, or none is made when nothing differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from automations.connectors.pipedrive import account, links, matching, read_back, records, values
from automations.connectors.pipedrive.match import Match
from automations.connectors.pipedrive.matching import Found, IfMany, Mode
from automations.engine.contracts import Call, JsonObject, Outcome

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


@dataclass
class Upsert:
    """One upsert of one record. Subclasses say what is sent.

    match: None where every event makes a new record. mapped: what the author mapped and nothing else. notes:
    what to tell beside the outcome.
    """

    entity: ClassVar[str]

    client: PipedriveClient
    match: Match | None
    mapped: Mapping[str, Any]
    call: Call
    may_create_links: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def mode(self) -> Mode:
        mode: Mode = self.mapped.get("mode") or self.client.settings.mode
        return mode

    @property
    def if_many(self) -> IfMany:
        if_many: IfMany = self.mapped.get("if_many") or "stop"
        return if_many

    def body(self, now: JsonObject) -> JsonObject:
        """Return what the record should hold, by REST v2's keys. now: as it is; empty when it is new."""
        raise NotImplementedError

    def body_of_new(self) -> JsonObject:
        """Return the body of a create, match value included. Raises FieldsError when something is missing."""
        raise NotImplementedError

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier attempt may have written something."""
        return self.call.in_doubt or self.call.attempt > 1

    def changes(self, record: JsonObject) -> JsonObject:
        """Return what of the body the record does not hold yet."""
        return changed_part(self.body(record), self.comparable(record))

    def comparable(self, record: JsonObject) -> JsonObject:
        """Return a record as it is read in the shape of a body as it is written."""
        return record

    # -- doing it

    def perform(self) -> Outcome:
        if self.match is None:
            return self._make()
        found = self._find_or_create(self.match)
        if found.record is None:
            return self._nothing(None, f"No {self.entity} has {self.match.words}, and this step only updates")
        if found.created:
            return self._outcome(found.record, f"Created {self._label(found.record)}", created=True)
        if self.mode == "create_only":
            return self._nothing(
                found.record, f"{self._label(found.record)} is there, and this step only creates"
            )
        return self._update(found)

    def _make(self) -> Outcome:
        if self.mode == "update_only":
            return self._nothing(None, f"Nothing names the {self.entity}, and this step only updates")
        record = self.client.create(self.entity, self.body_of_new())
        return self._outcome(record, f"Created {self._label(record)}", created=True)

    def _find_or_create(self, match: Match) -> Found:
        return matching.find_or_create(
            self.client,
            match,
            mode=self.mode,
            if_many="oldest" if self.mode == "create_only" else self.if_many,
            create=lambda: self.client.create(self.entity, self.body_of_new()),
            in_doubt=self.in_doubt,
        )

    def _update(self, found: Found) -> Outcome:
        record = found.record or {}
        changes = self.changes(record)
        merged = f", {len(found.merged)} merged into it" if found.merged else ""
        if not changes:
            words = f"Nothing to change in {self._label(record)}{merged}"
            return self._outcome(record, words) if merged else self._nothing(record, words)
        after = self.client.update(self.entity, record["id"], changes, record)
        names = list(changes)
        return self._outcome(
            after, f"Updated {', '.join(names)} of {self._label(after)}{merged}", changed=names
        )

    def settle(self) -> Outcome | None:
        """Tell what became of an attempt whose reply was lost: done when the record is there and as wanted."""
        if self.match is None:
            return self._settle_new()
        found = matching.find_after_doubt(self.client, self.match)
        if not found or (len(found) > 1 and self.if_many == "merge"):
            return None
        record = matching.choose(self.client, self.match, found, self.if_many).record or {}
        if self.mode != "create_only" and self.changes(record):
            return None
        created = record.get("update_time") in (None, record.get("add_time"))
        return self._outcome(record, f"{self._label(record)} is as it should be", created=created)

    def _settle_new(self) -> Outcome | None:
        body = self.body({})
        made = read_back.just_made(
            self.client,
            self.entity,
            self.call,
            lambda record: not changed_part(body, self.comparable(record)),
        )
        if made is None:
            return None
        return self._outcome(made, f"{self._label(made)} was created", created=True)

    # -- telling it

    def _label(self, record: JsonObject) -> str:
        return records.label_of(self.entity, record)

    def _nothing(self, record: JsonObject | None, words: str) -> Outcome:
        outcome = self._outcome(record or {}, words)
        return Outcome(outcome.outputs, outcome.summary, nothing_to_do=True)

    def _outcome(
        self, record: JsonObject, words: str, *, created: bool = False, changed: list[str] | None = None
    ) -> Outcome:
        return Outcome(
            {
                "id": record.get("id"),
                "record": record,
                "created": created,
                "matched_by": self.match.shown if self.match and record and not created else "",
                "changed": changed or [],
            },
            "; ".join([words, *self.notes]) + ".",
        )

    # -- parts of bodies that several entities share

    def shared(self, now: JsonObject) -> JsonObject:
        """Return visibility, labels, owner and custom fields, where mapped. Labels join those there."""
        mapped = self.mapped
        body: JsonObject = {"visible_to": mapped["visible_to"]} if mapped.get("visible_to") else {}
        if "labels" in mapped:
            wanted = mapped["labels"]
            added = [] if wanted is None else account.label_ids(self.client, self.entity, wanted)
            kept = [] if wanted is None else now.get("label_ids") or []
            body["label_ids"] = list(dict.fromkeys([*kept, *added]))
        if mapped.get("owner") not in (None, ""):
            body["owner_id"] = account.owner_id(self.client, mapped["owner"])
        if mapped.get("custom_fields"):
            held = now.get("custom_fields") or {}
            body["custom_fields"] = account.custom_values(
                self.client, self.entity, mapped["custom_fields"], held
            )
        return body

    def shared_of_new(self) -> JsonObject:
        """Return what only a new record gets: the time of creation, and the connection's owner."""
        own: JsonObject = {}
        if self.mapped.get("add_time") is not None:
            own["add_time"] = rfc3339(self.mapped["add_time"])
        default = self.client.settings.default_owner
        if default and self.mapped.get("owner") in (None, ""):
            own["owner_id"] = account.owner_id(self.client, default)
        return own

    def linked(self, entity: str) -> Any:
        """Return the id for a link, None when there is none to set; notes what was left out."""
        return self.tied({entity: entity}).get(entity)

    def tied(self, keys: Mapping[str, str]) -> JsonObject:
        """Return the ids for the mapped links, null for those to be taken away. keys: entity -> body's key.

        Creates what is missing where the author wants it, so everything else must have been checked before.
        """
        found = links.link_all(
            self.client, keys, self.mapped, may_create=self.may_create_links, in_doubt=self.in_doubt
        )
        self.notes += [one.note for one in found.values() if one.note]
        body = {keys[entity]: one.number for entity, one in found.items() if one.number is not None}
        return body | {key: None for entity, key in keys.items() if links.is_cleared(entity, self.mapped)}


def changed_part(body: JsonObject, now: JsonObject) -> JsonObject:
    """Return the keys of `body` that the record does not hold yet, custom fields one level down."""
    changes: JsonObject = {}
    for key, wanted in body.items():
        held = now.get(key)
        if key == "custom_fields":
            inner = held if isinstance(held, dict) else {}
            wanted = {name: one for name, one in wanted.items() if not values.is_same(one, inner.get(name))}
            if wanted:
                changes[key] = wanted
        elif not values.is_same(wanted, held):
            changes[key] = wanted
    return changes


def filled(mapped: Mapping[str, Any], name: str, entity: str) -> JsonObject:
    """Return a text that a record always has, where mapped. Raises FieldsError when it is empty."""
    if name not in mapped:
        return {}
    if not str(mapped[name] or "").strip():
        raise account.wrong(
            name, mapped[name], f"a text; every {entity} has a {name}, leave it out to keep it"
        )
    return {name: mapped[name]}


def rfc3339(when: datetime) -> str:
    """Return whole seconds with `Z`; a time without zone counts as UTC."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
