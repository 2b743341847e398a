"""A deal was changed."""

from automations.connectors.pipedrive.entity_triggers import ChangedDeal, RecordUpdated
from automations.connectors.pipedrive.samples import sample


class DealUpdated(RecordUpdated):
    """Something in a deal changed: its value, owner, expected date or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    Merging two of them counts as an update of the one that stays.
    """

    key = "pipedrive.deal_updated"
    title = "Deal updated"
    sentence = "A deal is changed in Pipedrive"
    topics = ("deal.change", "deal.merge")
    entity = "deal"
    Fields = ChangedDeal
    sample = sample("deal", "change", previous={"value": 16900})
