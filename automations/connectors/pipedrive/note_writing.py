"""Writing notes: which records they are on, what is sent, and whether one was written already."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import links
from automations.connectors.pipedrive.read_back import made_since, moment
from automations.connectors.pipedrive.upserting import changed_part
from automations.engine.contracts import Call, JsonObject, Outcome
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

LINKS: Mapping[str, tuple[str, str]] = {
    "deal": ("deal_id", "pinned_to_deal_flag"),
    "person": ("person_id", "pinned_to_person_flag"),
    "organization": ("org_id", "pinned_to_organization_flag"),
}
_LEAD = ("lead_id", "pinned_to_lead_flag")
_PINS = dict((*LINKS.values(), _LEAD))
_LOOKED_BACK = 100


@dataclass
class NoteUpsert:
    """One note. mapped: what the author mapped and nothing else. notes: what to tell beside the outcome."""

    client: PipedriveClient
    mapped: Mapping[str, Any]
    call: Call
    notes: list[str] = field(default_factory=list)

    @property
    def mode(self) -> str:
        return str(self.mapped.get("mode") or self.client.settings.mode)

    def perform(self) -> Outcome:
        number = self.mapped.get("note_id")
        if number is not None:
            return self._change(number)
        if self.mode == "update_only":
            return _outcome(
                {}, "Nothing written: this step only updates, and no note id is given", nothing=True
            )
        tied = self._links(may_create=True)
        body = {"content": self.mapped["content"], **tied, **self._pins(tied)}
        if self.mapped.get("add_time") is not None:
            body["add_time"] = _spaced(self.mapped["add_time"])
        record = self.client.create("note", _as_sent(body))
        return _outcome(record, self._told(f"Wrote note {record.get('id')}"), created=True)

    def _change(self, number: int) -> Outcome:
        record = self.client.by_id("note", number)
        if record is None:
            raise RejectedError(
                f"Pipedrive has no note {number}. Map another note id, or none to write a new note.",
                code="404",
            )
        if self.mode == "create_only":
            return _outcome(record, f"Note {number} is there, and this step only creates", nothing=True)
        changes = changed_part(self._wanted(record), record)
        if not changes:
            return _outcome(record, self._told(f"Nothing to change in note {number}"), nothing=True)
        after = self.client.update("note", number, _as_sent(changes), record)
        names = list(changes)
        return _outcome(after, self._told(f"Updated {', '.join(names)} of note {number}"), changed=names)

    def _wanted(self, record: JsonObject, *, may_create: bool = True) -> JsonObject:
        any_link = any(links.is_mapped(entity, self.mapped) for entity in LINKS) or self.mapped.get("lead_id")
        tied = self._links(may_create=may_create) if any_link else {}
        return {"content": self.mapped["content"], **tied, **self._pins({**record, **tied})}

    def _links(self, *, may_create: bool) -> JsonObject:
        """Return the ids of what the note is on. Raises RejectedError when nothing of it was found."""
        in_doubt = self.call.in_doubt or self.call.attempt > 1
        found = links.link_all(self.client, LINKS, self.mapped, may_create=may_create, in_doubt=in_doubt)
        self.notes += [one.note for one in found.values() if one.note]
        tied = {LINKS[entity][0]: one.number for entity, one in found.items() if one.number is not None}
        if self.mapped.get("lead_id"):
            tied["lead_id"] = self.mapped["lead_id"]
        if not tied:
            raise RejectedError(
                f"There is nothing to write the note on: {'; '.join(self.notes)}. Create it in Pipedrive, or choose "
                "in the step to create what is missing.",
                code="link_missing",
            )
        return tied

    def _pins(self, tied: Mapping[str, Any]) -> JsonObject:
        if self.mapped.get("pinned") is None:
            return {}
        return {pin: bool(self.mapped["pinned"]) for key, pin in _PINS.items() if tied.get(key) is not None}

    def _told(self, words: str) -> str:
        return "; ".join([words, *self.notes])

    # -- after a doubtful outcome

    def settle(self) -> Outcome | None:
        """Tell whether the note was written or changed: read back, and compared without markup."""
        number = self.mapped.get("note_id")
        if number is not None:
            record = self.client.by_id("note", number)
            if record is None or changed_part(self._wanted(record, may_create=False), record):
                return None
            return _outcome(record, f"Note {number} is as it should be")
        tied = self._links(may_create=False)
        if links.NOT_YET_MADE in tied.values():
            return None
        key = next(iter(tied))
        for note in self.client.newest("note", "add_time", most=_LOOKED_BACK, filters={key: tied[key]}):
            if self._is_ours(note, tied):
                return _outcome(note, f"Note {note.get('id')} was written", created=True)
        return None

    def _is_ours(self, note: JsonObject, tied: JsonObject) -> bool:
        if any(note.get(key) != number for key, number in tied.items()):
            return False
        if _plain(note.get("content")) != _plain(self.mapped["content"]):
            return False
        written = moment(note.get("add_time"))
        if self.mapped.get("add_time") is not None:
            return written == moment(_spaced(self.mapped["add_time"]))
        since = made_since(self.call)
        # An older note with these words is that of an earlier event.
        return written is None or since is None or written >= since


def _outcome(
    record: JsonObject,
    words: str,
    *,
    created: bool = False,
    changed: list[str] | None = None,
    nothing: bool = False,
) -> Outcome:
    outputs = {
        "id": record.get("id"),
        "record": record,
        "created": created,
        "matched_by": "" if created or not record else "id",
        "changed": changed or [],
    }
    return Outcome(outputs, f"{words}.", nothing_to_do=nothing)


def _as_sent(body: JsonObject) -> JsonObject:
    """Pins are read as true and false, and written as 1 and 0."""
    return {key: int(value) if isinstance(value, bool) else value for key, value in body.items()}


def _spaced(when: datetime) -> str:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _plain(content: Any) -> str:
    """Return the words of a note: Pipedrive cleans its HTML, so markup and blanks prove nothing."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", str(content or ""))).split())
