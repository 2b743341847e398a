"""An activity was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class ActivityUpdated(RecordUpdated):
    """Something in an activity changed: its date, its type or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    """

    key = "pipedrive.activity_updated"
    title = "Activity updated"
    sentence = "An activity is changed in Pipedrive"
    topics = ("activity.change",)
    entity = "activity"
    sample = sample("activity", "change", previous={"due_date": "2026-11-19"})
