"""A won or lost deal was opened again."""

from automations.connectors.pipedrive.entity_triggers import StatusChanged
from automations.connectors.pipedrive.samples import sample


class DealReopened(StatusChanged):
    """A won or lost deal was opened again; `previous.status` tells which it was.

    Only a deal whose status changes counts, not one that is created that way.
    """

    key = "pipedrive.deal_reopened"
    title = "Deal reopened"
    sentence = "A deal is opened again in Pipedrive"
    became = "open"
    sample = sample(
        "deal",
        "change",
        previous={"status": "lost", "lost_reason": "Bought elsewhere"},
    )
