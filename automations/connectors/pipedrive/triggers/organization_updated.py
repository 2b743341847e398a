"""An organization was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class OrganizationUpdated(RecordUpdated):
    """Something in an organization changed: its name, address or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    Merging two of them counts as an update of the one that stays.
    """

    key = "pipedrive.organization_updated"
    title = "Organization updated"
    sentence = "An organization is changed in Pipedrive"
    topics = ("organization.change", "organization.merge")
    entity = "organization"
    sample = sample("organization", "change", previous={"website": None})
