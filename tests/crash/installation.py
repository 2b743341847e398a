"""The installation of a trial: one Pipedrive that only sends, three recipes that send on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automations.assembly import Assembly
from automations.engine.definition import parse_definition
from automations.settings import Settings
from tests.crash.targets import Targets
from tests.crash.webhooks import Hook

#: Of each fourth deal, this change makes its person in Pipedrive, which lets nobody search more often than 5/s.
CREATING = 0
CREATES_EVERY = 4


def furnish(instance: Path, targets: Targets, port: int, database_url: str, recipes: list[str]) -> Hook:
    """Make the installation; return where its webhooks go.

    recipes: some of `calls` (one keyed HTTP call a webhook), `events` (a CleverTap profile, then an event: both
    in batches) and `people` (one person of each fourth deal in Pipedrive, which nothing but reading back can settle).
    """
    assembly = Assembly.make(
        Settings(instance=instance, database_url=database_url, allowed_networks="127.0.0.0/8")
    )
    try:
        source = assembly.connections.save(
            "pipedrive", "source", {"base_url": "http://127.0.0.1:9", "api_token": "token-that-is-not-used"}
        )
        for kind, name, settings in _connections(targets):
            assembly.connections.save(kind, name, settings)
        trees = [tree for tree in _recipes() if tree["name"] in recipes]
        assembly.recipes.apply([("", parse_definition(tree)) for tree in trees])
        opened = assembly.connections.open(source.id or 0)
        return Hook(port, opened.hook_token, opened.hook_user, opened.hook_password)
    finally:
        assembly.close()


def _connections(targets: Targets) -> list[tuple[str, str, dict[str, str]]]:
    return [
        ("http", "notebook", {"base_url": targets.notebook_url}),
        (
            "clevertap",
            "profiles",
            {"base_url": targets.clevertap_url, "account_id": "ACC", "passcode": "passcode-1"},
        ),
        (
            "pipedrive",
            "people",
            {"base_url": targets.pipedrive_url, "api_token": targets.pipedrive.api_token},
        ),
    ]


def _recipes() -> list[dict[str, Any]]:
    trigger = {"key": "pipedrive.deal_stage_changed", "connection": "source"}
    told = {"Deal": "{{ deal.id }}", "Number": "{{ deal.value }}"}
    call = {"url": "/", "body": {"deal": "{{ deal.id }}", "number": "{{ deal.value }}"}}
    profile = {"identity": "deal-{{ deal.id }}", "properties": told}
    person = {
        "match_value": "deal-{{ deal.id }}@example.com",
        "emails": "deal-{{ deal.id }}@example.com",
        "name": "Person of deal {{ deal.id }}",
    }
    return [
        {
            "name": "calls",
            "trigger": trigger,
            "steps": [_step("call", "http.request", "notebook", call)],
        },
        {
            "name": "events",
            "trigger": trigger,
            "steps": [
                _step("profile", "clevertap.upload_profile", "profiles", profile),
                _step(
                    "event",
                    "clevertap.upload_event",
                    "profiles",
                    {**profile, "event_name": "Deal stage changed"},
                ),
            ],
        },
        {
            "name": "people",
            "trigger": trigger,
            "only_if": f"{{{{ deal.value == {CREATING} and deal.id % {CREATES_EVERY} == 0 }}}}",
            "steps": [_step("person", "pipedrive.upsert_person", "people", person)],
        },
    ]


def _step(name: str, action: str, connection: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "action": action, "connection": connection, "fields": fields}
