"""A note was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class NoteUpdated(RecordUpdated):
    """Something in a note changed: its text or what it is pinned to.

    `previous` has the old values and `changed` the names of what really changed.
    """

    key = "pipedrive.note_updated"
    title = "Note updated"
    sentence = "A note is changed in Pipedrive"
    topics = ("note.change",)
    entity = "note"
    sample = sample("note", "change", previous={"content": "Wants delivery soon."})
