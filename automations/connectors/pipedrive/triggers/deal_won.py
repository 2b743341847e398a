"""A deal was marked as won."""

from automations.connectors.pipedrive.entity_triggers import StatusChanged
from automations.connectors.pipedrive.samples import sample


class DealWon(StatusChanged):
    """A deal was marked as won.

    Only a deal whose status changes counts, not one that is created that way.
    """

    key = "pipedrive.deal_won"
    title = "Deal won"
    sentence = "A deal is marked as won in Pipedrive"
    became = "won"
    sample = sample(
        "deal",
        "change",
        previous={"status": "open", "won_time": None, "close_time": None},
        now={"status": "won", "won_time": "2026-11-16T14:02:00Z", "close_time": "2026-11-16T14:02:00Z"},
    )
