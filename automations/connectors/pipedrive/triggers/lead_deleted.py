"""A lead was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class LeadDeleted(RecordDeleted):
    """A lead was deleted; templates read its last state.

    Nothing can be looked up of it any more except what it belonged to.
    """

    key = "pipedrive.lead_deleted"
    title = "Lead deleted"
    sentence = "A lead is deleted in Pipedrive"
    topics = ("lead.delete",)
    entity = "lead"
    sample = sample("lead", "delete")
