"""A product was deleted."""

from automations.connectors.pipedrive.entity_triggers import RecordDeleted
from automations.connectors.pipedrive.samples import sample


class ProductDeleted(RecordDeleted):
    """A product was deleted; templates read its last state.

    Nothing can be looked up of it any more except what it belonged to.
    """

    key = "pipedrive.product_deleted"
    title = "Product deleted"
    sentence = "A product is deleted in Pipedrive"
    topics = ("product.delete",)
    entity = "product"
    sample = sample("product", "delete")
