"""An organization was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class OrganizationDeleted(RecordDeleted):
    """An organization was deleted; templates read its last state.

    Merging two organizations does not count.
    """

    key = "pipedrive.organization_deleted"
    title = "Organization deleted"
    sentence = "An organization is deleted in Pipedrive"
    topics = ("organization.delete",)
    entity = "organization"
    sample = sample("organization", "delete")
