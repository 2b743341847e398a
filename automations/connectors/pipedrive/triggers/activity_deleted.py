"""An activity was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class ActivityDeleted(RecordDeleted):
    """An activity was deleted; templates read its last state.

    Nothing can be looked up of it any more except what it belonged to.
    """

    key = "pipedrive.activity_deleted"
    title = "Activity deleted"
    sentence = "An activity is deleted in Pipedrive"
    topics = ("activity.delete",)
    entity = "activity"
    sample = sample("activity", "delete")
