"""A person was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class PersonDeleted(RecordDeleted):
    """A person was deleted; templates read its last state.

    Merging two persons does not count.
    """

    key = "pipedrive.person_deleted"
    title = "Person deleted"
    sentence = "A person is deleted in Pipedrive"
    topics = ("person.delete",)
    entity = "person"
    sample = sample("person", "delete")
