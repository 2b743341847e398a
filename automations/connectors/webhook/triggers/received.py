"""Something was posted to a webhook address."""

from __future__ import annotations

from automations.connectors.webhook.connection import WebhookConnection
from automations.connectors.webhook.posting import ENTITY, TOPIC
from automations.engine.contracts import Occurrence, Trigger


class WebhookReceived(Trigger):
    """Something was posted to the connection's address.

    `record` is what was posted: a JSON object as it came, a form by its names, a text as `record.text`. With an
    `id` in it, posts about the same record keep their order.
    """

    key = "webhook.received"
    title = "Webhook received"
    sentence = "something is posted to the webhook"
    connection = WebhookConnection
    topics = (TOPIC,)
    entity = ENTITY
    sample = Occurrence(
        topic=TOPIC,
        entity=ENTITY,
        record={
            "id": "S-1042",
            "name": "Ines Okafor",
            "email": "ines@lumen-mail.example",
            "plan": "Growth",
            "seats": 12,
            "tags": ["fair", "solar"],
        },
        record_key=f"{ENTITY}:S-1042",
        label="Ines Okafor",
    )
