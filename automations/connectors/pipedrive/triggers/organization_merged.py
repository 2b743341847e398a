"""Two organizations became one."""

from automations.connectors.pipedrive.entity_triggers import RecordMerged
from automations.connectors.pipedrive.samples import sample


class OrganizationMerged(RecordMerged):
    """Two organizations were merged; the record is the one that stays.

    `previous` has the values that the merge replaced. The one that is gone starts nothing of its own.
    """

    key = "pipedrive.organization_merged"
    title = "Organizations merged"
    sentence = "Two organizations are merged in Pipedrive"
    topics = ("organization.merge",)
    entity = "organization"
    sample = sample("organization", "merge", previous={"label_ids": [3]})
