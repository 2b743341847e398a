"""What every call of ours has in common: no token in an address, nothing that the vendor has retired."""

from __future__ import annotations

from contextlib import suppress

import pytest

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import Call
from automations.engine.mapping import FieldMapping
from automations.engine.registry import Registry
from automations.errors import AutomationError
from tests.connectors.pipedrive.conftest import TOKEN

REGISTRY = Registry.discover(entry_points=False)
ACTIONS = [action for key, action in REGISTRY.actions.items() if key.startswith("pipedrive.")]
TRIGGERS = [trigger for key, trigger in REGISTRY.triggers.items() if key.startswith("pipedrive.")]


def test_no_token_in_urls_and_no_retired_call(pd, connect):
    pd.seed_demo()
    client = connect()
    PipedriveConnection().test(client)
    for action in ACTIONS:
        for number, example in enumerate(action.examples):
            fields = FieldMapping(action, example, {}, step="example").render({}).typed
            for attempt in (1, 2):
                call = Call(f"{action.key}-{number}", attempt, now="2026-11-22T10:00:00Z")
                with suppress(AutomationError):
                    action.perform(fields, connect(), call)
    for trigger in TRIGGERS:
        trigger().pull(trigger.Fields(), client, 5)
    assert len(pd.requests) > 100
    assert pd.tokens_in_urls == 0
    assert [one.path for one in pd.requests if one.status == 410] == []
    assert [one.path for one in pd.requests if TOKEN in one.path or TOKEN in str(one.query)] == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_its_page_says_honestly_whether_it_may_be_repeated(action):
    said = " ".join((action.__doc__ or "").split())
    assert ("Not repeatable:" in said) is not (action.repeatable or action.key == "pipedrive.request")
    assert "epeatable:" in said
