"""A person was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class PersonCreated(RecordCreated):
    """A person was created.

    Also when it is imported or made by another program.
    """

    key = "pipedrive.person_created"
    title = "Person created"
    sentence = "A person is created in Pipedrive"
    topics = ("person.create",)
    entity = "person"
    sample = sample("person", "create")
