"""No create ever follows a look-up that failed: a thousand seeded schedules of failing look-ups, no record made."""

from __future__ import annotations

import random
from itertools import takewhile
from urllib.parse import urlsplit

import pytest

from automations.connectors.http import DoorMode
from automations.connectors.pipedrive.actions.add_deal_product import AddDealProduct
from automations.connectors.pipedrive.actions.upsert_activity import UpsertActivity
from automations.connectors.pipedrive.actions.upsert_deal import UpsertDeal
from automations.connectors.pipedrive.actions.upsert_lead import UpsertLead
from automations.connectors.pipedrive.actions.upsert_note import UpsertNote
from automations.connectors.pipedrive.actions.upsert_organization import UpsertOrganization
from automations.connectors.pipedrive.actions.upsert_person import UpsertPerson
from automations.engine.contracts import Call
from automations.errors import CredentialsError, DeliveryError
from tests.connectors.pipedrive.account_lists import Remembered

SCHEDULES = 1_000
SEED = 20261122
PERSON = {"person_match_value": "new@lumen.example", "person_missing": "create"}
COMPANY = {"organization_match_value": "Nowhere Ltd", "organization_missing": "create"}
ASKED = [
    (UpsertPerson, {"match_value": "new@lumen.example", "name": "New", "owner": "Sandy Box", **COMPANY}),
    (UpsertPerson, {"match_field": "Our id", "match_value": "u-9", "name": "New", "labels": ["Hot"]}),
    (UpsertPerson, {"match_value": "ana@lumen.example", "name": "Anna", **COMPANY}),
    (UpsertOrganization, {"match_value": "Nowhere Ltd", "labels": ["Hot"], **PERSON}),
    (UpsertOrganization, {"match_value": "Lumen", **PERSON}),
    (UpsertDeal, {"match_field": "title", "match_value": "New", "stage": "Lead in", **PERSON, **COMPANY}),
    (UpsertDeal, {"title": "New", "owner": "Sandy Box", "labels": ["Hot"], **PERSON}),
    (UpsertLead, {"match_field": "title", "match_value": "New", "title": "New", **PERSON, **COMPANY}),
    (UpsertActivity, {"subject": "New", "type": "Call", "priority": "High", **PERSON, **COMPANY}),
    (UpsertNote, {"content": "New", **PERSON, **COMPANY}),
    (AddDealProduct, {"deal_match_field": "title", "deal_match_value": "Big", "product_match_value": "P-1"}),
]
TROUBLES = (401, 402, 403, 404, 408, 429, 500, 502, 503, 504, "hang-up", "garbage", "empty", "blocked")


@pytest.fixture
def account(pd):
    pd.add_field("person", "Our id", "varchar")
    company = pd.create("organization", {"name": "Lumen"})
    pd.create("person", {"name": "Ana", "emails": [{"value": "ana@lumen.example"}], "org_id": company["id"]})
    pd.create("deal", {"title": "Big"})
    pd.create("product", {"name": "Panel", "code": "P-1"})
    return pd


def look_ups(connect, action, fields) -> list[str]:
    """Return the paths that this action reads before it would write, in order."""
    client = connect(DoorMode.LOOKUPS, Remembered())
    action.perform(fields, client, Call("dry", now="2026-11-22T10:00:00Z"))
    shown = [exchange.as_json() for exchange in client.door.exchanges]
    before = takewhile(lambda one: one["method"] == "GET", shown)
    return [urlsplit(one["url"]).path for one in before]


def order(pd, trouble, path):
    if trouble == "hang-up":
        pd.hang_up_next(path=path, method="GET")
    elif trouble == "garbage":
        pd.garbage_next(path=path, method="GET")
    elif trouble == "empty":
        pd.answer_next(200, path=path, method="GET", body=b"")
    elif trouble == "blocked":
        pd.answer_next(403, path=path, method="GET", body="<html>blocked</html>")
    else:
        pd.answer_next(trouble, path=path, method="GET")


def is_by_id(path: str) -> bool:
    return path.rsplit("/", 1)[-1].isdigit()


def test_no_create_follows_a_look_up_that_failed(account, connect):
    pd, chance = account, random.Random(SEED)
    asked = [(kind(), kind.Fields(**values)) for kind, values in ASKED]
    paths = [look_ups(connect, *one) for one in asked]
    assert all(paths)
    before = {
        entity: set(pd.records(entity)) for entity in ("person", "organization", "deal", "lead", "note")
    }
    del pd.requests[:]
    for number in range(SCHEDULES):
        which = chance.randrange(len(asked))
        action, fields = asked[which]
        for attempt in range(1, chance.randint(1, 3) + 1):
            path, trouble = chance.choice(paths[which]), chance.choice(TROUBLES)
            if trouble == 404 and is_by_id(path):
                continue
            order(pd, trouble, path)
            in_doubt = chance.random() < 0.2
            call = Call(f"key-{number}", attempt, in_doubt, now="2026-11-22T10:00:00Z")
            with pytest.raises((DeliveryError, CredentialsError)):
                action.perform(fields, connect(remembered=Remembered()), call)
            assert pd.orders_left == 0
    assert {one.method for one in pd.requests} == {"GET"}
    assert {entity: set(pd.records(entity)) for entity in before} == before
