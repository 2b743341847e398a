"""A deal was created."""

from automations.connectors.pipedrive.entity_triggers import DealFields, RecordCreated
from automations.connectors.pipedrive.samples import sample


class DealCreated(RecordCreated):
    """A deal was created.

    Also when it is imported, made by another program, or made from a lead.
    """

    key = "pipedrive.deal_created"
    title = "Deal created"
    sentence = "A deal is created in Pipedrive"
    topics = ("deal.create",)
    entity = "deal"
    Fields = DealFields
    sample = sample("deal", "create")
