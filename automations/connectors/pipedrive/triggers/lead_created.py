"""A lead was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class LeadCreated(RecordCreated):
    """A lead was created.

    Also when a form or another program made it.
    """

    key = "pipedrive.lead_created"
    title = "Lead created"
    sentence = "A lead is created in Pipedrive"
    topics = ("lead.create",)
    entity = "lead"
    sample = sample("lead", "create")
