"""An activity was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class ActivityCreated(RecordCreated):
    """An activity was created.

    Also when a person's calendar synchronisation made it.
    """

    key = "pipedrive.activity_created"
    title = "Activity created"
    sentence = "An activity is created in Pipedrive"
    topics = ("activity.create",)
    entity = "activity"
    sample = sample("activity", "create")
