"""A note was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class NoteDeleted(RecordDeleted):
    """A note was deleted; templates read its last state.

    Nothing can be looked up of it any more except what it belonged to.
    """

    key = "pipedrive.note_deleted"
    title = "Note deleted"
    sentence = "A note is deleted in Pipedrive"
    topics = ("note.delete",)
    entity = "note"
    sample = sample("note", "delete")
