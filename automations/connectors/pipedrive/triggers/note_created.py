"""A note was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class NoteCreated(RecordCreated):
    """A note was created.

    Whatever it belongs to: a deal, person, organization or lead.
    """

    key = "pipedrive.note_created"
    title = "Note created"
    sentence = "A note is created in Pipedrive"
    topics = ("note.create",)
    entity = "note"
    sample = sample("note", "create")
