"""A product was changed."""

from automations.connectors.pipedrive.entity_triggers import RecordUpdated
from automations.connectors.pipedrive.samples import sample


class ProductUpdated(RecordUpdated):
    """Something in a product changed: its name, prices or any other field.

    `previous` has the old values and `changed` the names of what really changed.
    """

    key = "pipedrive.product_updated"
    title = "Product updated"
    sentence = "A product is changed in Pipedrive"
    topics = ("product.change",)
    entity = "product"
    sample = sample("product", "change", previous={"unit": None})
