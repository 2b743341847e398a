"""A deal was deleted."""

from automations.connectors.pipedrive.entity_triggers import DealFields, RecordDeleted
from automations.connectors.pipedrive.samples import sample


class DealDeleted(RecordDeleted):
    """A deal was deleted; templates read its last state.

    Merging two deals does not count, and neither does archiving.
    """

    key = "pipedrive.deal_deleted"
    title = "Deal deleted"
    sentence = "A deal is deleted in Pipedrive"
    topics = ("deal.delete",)
    entity = "deal"
    Fields = DealFields
    sample = sample("deal", "delete")
