"""All kinds of records by name, and which keys of a record point to another one."""

from __future__ import annotations

from .entities_product import PRODUCT
from .entities_v1 import LEAD, NOTE, USER
from .entities_v2 import ACTIVITY, DEAL, ORGANIZATION, PERSON, PIPELINE, STAGE
from .entity import Entity

BY_NAME: dict[str, Entity] = {
    entity.name: entity
    for entity in (PERSON, ORGANIZATION, DEAL, ACTIVITY, PIPELINE, STAGE, PRODUCT, NOTE, LEAD, USER)
}
V2_ENTITIES = (PERSON, ORGANIZATION, DEAL, ACTIVITY, PIPELINE, STAGE, PRODUCT)

# Which record a key points to; checked on every write.
LINKS: dict[str, str] = {
    "owner_id": "user",
    "user_id": "user",
    "person_id": "person",
    "org_id": "organization",
    "organization_id": "organization",
    "deal_id": "deal",
    "lead_id": "lead",
    "pipeline_id": "pipeline",
    "stage_id": "stage",
}
