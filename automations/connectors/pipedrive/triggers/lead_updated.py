"""A lead was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class LeadUpdated(RecordUpdated):
    """Something in a lead changed: its title, value or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    """

    key = "pipedrive.lead_updated"
    title = "Lead updated"
    sentence = "A lead is changed in Pipedrive"
    topics = ("lead.change",)
    entity = "lead"
    sample = sample("lead", "change", previous={"title": "Tables"})
