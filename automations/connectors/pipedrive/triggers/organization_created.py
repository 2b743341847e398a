"""An organization was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class OrganizationCreated(RecordCreated):
    """An organization was created.

    Also when it is imported or made by another program.
    """

    key = "pipedrive.organization_created"
    title = "Organization created"
    sentence = "An organization is created in Pipedrive"
    topics = ("organization.create",)
    entity = "organization"
    sample = sample("organization", "create")
