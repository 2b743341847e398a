"""A deal was marked as lost."""

from automations.connectors.pipedrive.entity_triggers import StatusChanged
from automations.connectors.pipedrive.samples import sample


class DealLost(StatusChanged):
    """A deal was marked as lost; `deal.lost_reason` has the reason when one was given.

    Only a deal whose status changes counts, not one that is created that way.
    """

    key = "pipedrive.deal_lost"
    title = "Deal lost"
    sentence = "A deal is marked as lost in Pipedrive"
    became = "lost"
    sample = sample(
        "deal",
        "change",
        previous={"status": "open", "lost_time": None, "lost_reason": None},
        now={"status": "lost", "lost_time": "2026-11-16T14:02:00Z", "lost_reason": "Bought elsewhere"},
    )
