"""Two persons became one."""

from automations.connectors.pipedrive.entity_triggers import RecordMerged
from automations.connectors.pipedrive.samples import sample


class PersonMerged(RecordMerged):
    """Two persons were merged; the record is the one that stays.

    `previous` has the values that the merge replaced. The one that is gone starts nothing of its own.
    """

    key = "pipedrive.person_merged"
    title = "Persons merged"
    sentence = "Two persons are merged in Pipedrive"
    topics = ("person.merge",)
    entity = "person"
    sample = sample("person", "merge", previous={"label_ids": [3]})
