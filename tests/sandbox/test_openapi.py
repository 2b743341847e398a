"""The sandbox held against Pipedrive's own API documents, where a checkout has them.

`AUTOMATIONS_PIPEDRIVE_OPENAPI` names a folder with `pipedrive-v1.yaml` and `pipedrive-v2.yaml`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from automations.sandbox import PipedriveSandbox
from automations.sandbox.entities import V2_ENTITIES
from automations.sandbox.entities_product import LINE_KEYS, LINE_NEEDS
from automations.sandbox.limits import cost_of
from tests.sandbox.parts import TOKEN, Api

FOLDER = os.environ.get("AUTOMATIONS_PIPEDRIVE_OPENAPI", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="AUTOMATIONS_PIPEDRIVE_OPENAPI names no folder")

# Keys of the documents that an account without the feature refuses, and keys that the live API takes beyond them.
NOT_TAKEN = {
    "person": {"postal_address", "notes", "im", "birthday", "job_title", "marketing_status"},
    "deal": {"is_deleted"},
    "activity": {"person_id"},
}
BEYOND = {
    "person": {"first_name", "last_name"},
    "deal": {"channel", "channel_id"},
    "activity": {"outcome"},
}
# Keys that only accounts with Contact Sync get, that the document's examples lack, or that need a feature.
NOT_SHOWN = {
    "person": {"postal_address", "notes", "im", "birthday", "job_title"},
    "deal": {"source_lead_id"},
    "activity": {"conference_meeting_client", "conference_meeting_url", "conference_meeting_id", "attendees"},
}


@cache
def document(version: str) -> dict[str, Any]:
    text = (Path(FOLDER) / f"pipedrive-{version}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The properties of an object schema, with those of its `allOf` parts."""
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found.update(properties(part))
    return found


def operation(path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = document("v2")["paths"][path][method]
    return found


def test_bodies_take_the_documented_keys() -> None:
    for entity in V2_ENTITIES:
        body = operation(f"/{entity.plural}", "post")["requestBody"]["content"]["application/json"]["schema"]
        documented = set(properties(body)) - NOT_TAKEN.get(entity.name, set()) - {"custom_fields"}
        assert (entity.name, set(entity.keys)) == (entity.name, documented | BEYOND.get(entity.name, set()))


def test_a_line_of_a_deal_takes_the_documented_keys() -> None:
    body = operation("/deals/{id}/products", "post")["requestBody"]["content"]["application/json"]["schema"]
    assert set(LINE_KEYS) == set(properties(body))
    assert set(LINE_NEEDS) == set(body["required"])


def test_lists_take_the_documented_parameters() -> None:
    for entity in V2_ENTITIES:
        documented = {row["name"] for row in operation(f"/{entity.plural}", "get")["parameters"]}
        pd = PipedriveSandbox(api_token=TOKEN)
        client = pd.app.test_client()
        for name in documented - {"filter_id", "cursor"}:
            value = {
                "ids": "1",
                "limit": "5",
                "sort_by": "id",
                "sort_direction": "asc",
                "status": "open",
            }.get(name)
            value = value or ("2026-01-01T00:00:00Z" if name.startswith("updated") else "")
            value = value or ("true" if name.startswith("include_") and "fields" not in name else "")
            value = value or ("true" if name == "done" else "1" if name.endswith("_id") else "")
            reply = client.get(f"/api/v2/{entity.plural}?{name}={value}", headers={"x-api-token": TOKEN})
            assert (entity.name, name, reply.status_code) == (entity.name, name, 200)


def test_records_have_the_documented_keys(pd: PipedriveSandbox) -> None:
    pd.seed_demo()
    pd.create("activity", {"subject": "Call"})
    pd.create("product", {"name": "Panel"})
    for entity in V2_ENTITIES:
        reply = operation(f"/{entity.plural}", "get")["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        documented = set(properties(properties(reply)["data"]["items"])) - NOT_SHOWN.get(entity.name, set())
        shown = next(iter(pd.records(entity.name).values()))
        assert (entity.name, documented - set(shown)) == (entity.name, set())


def test_every_path_that_is_served_is_documented(pd: PipedriveSandbox) -> None:
    documented = {path.rstrip("/") for path in document("v2")["paths"]}
    for entity in V2_ENTITIES:
        assert f"/{entity.plural}" in documented
        assert f"/{entity.plural}/{{id}}" in documented
    follows = [f"/{plural}/{{id}}/followers" for plural in ("deals", "persons", "organizations", "products")]
    lines = ["/deals/{id}/products", "/deals/{id}/products/{product_attachment_id}"]
    jobs = ["/leads/{id}/convert/deal", "/leads/{id}/convert/status/{conversion_id}"]
    searches = ["/deals/search", "/products/search", "/leads/search", "/itemSearch", "/itemSearch/field"]
    for path in (*searches, *follows, *lines, *jobs, "/dealFields/{field_code}", "/productFields"):
        assert path in documented


def test_costs_are_the_documented_ones(api: Api) -> None:
    prefixes = {"v1": "/v1", "v2": "/api/v2"}
    served = [entity.plural for entity in V2_ENTITIES]
    searches = ["/deals/search", "/persons/search", "/itemSearch", "/dealFields", "/dealFields/{field_code}"]
    parts = ["/deals/{id}/products", "/deals/{id}/followers", "/leads/{id}/convert/deal"]
    parts.append("/leads/{id}/convert/status/{conversion_id}")
    lists = ["/users", "/users/me", "/users/find", "/leadLabels", "/activityTypes", "/currencies"]
    older = [f"/{plural}{tail}" for plural in ("notes", "leads", "webhooks") for tail in ("", "/{id}")]
    wanted = {
        "v2": [*(f"/{plural}{tail}" for plural in served for tail in ("", "/{id}")), *searches, *parts],
        "v1": [*lists, *older, "/persons/{id}/merge", "/deals/{id}/participants", "/leads/archived"],
    }
    for version, paths in wanted.items():
        for path in paths:
            for method, described in document(version)["paths"][path].items():
                concrete = (
                    path.replace("{id}", "1").replace("{conversion_id}", "2").replace("{field_code}", "title")
                )
                cost = cost_of(method.upper(), prefixes[version] + concrete)
                assert (path, method, cost) == (path, method, described["x-token-cost"])
