"""A product was created."""

from automations.connectors.pipedrive.entity_triggers import RecordCreated
from automations.connectors.pipedrive.samples import sample


class ProductCreated(RecordCreated):
    """A product was created.

    It joined the catalogue, whether or not it is in a deal.
    """

    key = "pipedrive.product_created"
    title = "Product created"
    sentence = "A product is created in Pipedrive"
    topics = ("product.create",)
    entity = "product"
    sample = sample("product", "create")
