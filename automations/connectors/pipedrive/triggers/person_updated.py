"""A person was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class PersonUpdated(RecordUpdated):
    """Something in a person changed: an e-mail address, the organization or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    Merging two of them counts as an update of the one that stays.
    """

    key = "pipedrive.person_updated"
    title = "Person updated"
    sentence = "A person is changed in Pipedrive"
    topics = ("person.change", "person.merge")
    entity = "person"
    sample = sample("person", "change", previous={"emails": [], "email": None})
