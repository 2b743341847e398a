"""What calls cost, against the vendor's own documents where the checkout has them."""

import os
import re
from pathlib import Path

import pytest
import yaml

from automations.connectors.pipedrive.costs import (
    BURST,
    DAILY,
    SEARCH,
    cost_of,
    is_search,
    note_limits,
    wait_for,
)
from automations.errors import UnavailableError
from tests.connectors.pipedrive.account_lists import Remembered

FOLDER = os.environ.get("AUTOMATIONS_PIPEDRIVE_OPENAPI", "")
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/api/v2/deals/7", 1),
        ("GET", "/api/v2/deals", 10),
        ("GET", "/api/v2/persons/search", 20),
        ("POST", "/api/v2/persons", 5),
        ("PATCH", "/api/v2/persons/7", 5),
        ("DELETE", "/api/v2/deals/7", 3),
        ("POST", "/api/v2/leads/0b1/convert/deal", 40),
        ("PUT", "/api/v1/persons/7/merge", 40),
        ("GET", "/api/v1/leads/0b1", 2),
        ("GET", "/api/v1/users", 20),
        ("GET", "/api/v1/users/me", 2),
        ("POST", "/api/v1/notes", 10),
        ("DELETE", "/api/v1/webhooks/7", 6),
        ("GET", "/elsewhere", 0),
    ],
)
def test_usual_calls_cost_what_the_page_says(method, path, cost):
    assert cost_of(method, path) == cost


@pytest.mark.skipif(not FOLDER, reason="AUTOMATIONS_PIPEDRIVE_OPENAPI names no folder")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_operation_costs_what_the_vendors_document_says(version):
    document = yaml.safe_load((Path(FOLDER) / f"pipedrive-{version}.yaml").read_text())
    told = {
        (method.upper(), path): operation["x-token-cost"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS and not path.startswith("/oauth")
    }
    ours = {(m, path): cost_of(m, f"/api/{version}{re.sub(r'{[^}]*}', '7', path)}") for m, path in told}
    assert len(told) > 100
    assert ours == told


def test_a_search_is_paid_from_its_own_pool():
    directory = Remembered()
    assert wait_for("GET", "/api/v2/persons/search", directory)[0] == 0
    assert wait_for("GET", "/api/v2/persons/7", directory)[0] == 0
    assert directory.spent == [("search", 1), ("daily", 20), ("burst", 1), ("daily", 1)]
    assert is_search("/api/v2/itemSearch/field")
    assert not is_search("/api/v2/persons")


def test_limits_are_learned_from_answers_but_not_from_those_of_searches():
    directory = Remembered()
    headers = {
        "x-ratelimit-limit": "40",
        "x-daily-ratelimit-token-limit": "30000",
        "x-daily-ratelimit-token-remaining": "29990",
    }
    note_limits("/api/v2/deals", headers, directory)
    assert directory.observed == {"burst": (40, None), "daily": (30000, 29990)}
    note_limits("/api/v2/deals/search", {"x-ratelimit-limit": "10"}, directory)
    note_limits("/api/v2/deals", {"x-ratelimit-limit": "many"}, directory)
    assert directory.observed["burst"] == (40, None)


# -- the client


def test_a_short_wait_is_slept_and_the_call_goes_on(client, directory, monkeypatch):
    slept = []
    monkeypatch.setattr("automations.connectors.pipedrive.paying.sleep", slept.append)
    directory.waits = {BURST.name: 1.2}
    assert client.get("/api/v1/users/me").record
    assert slept == [1.2]


def test_a_long_wait_holds_the_whole_connection_and_sends_nothing(client, directory, pd):
    directory.waits = {DAILY.name: 7200.0}
    with pytest.raises(UnavailableError, match="daily budget") as refused:
        client.get("/api/v1/users/me")
    assert (refused.value.retry_after_s, refused.value.whole_connection) == (7200.0, True)
    assert pd.requests == []


def test_many_short_waits_are_not_slept_for_ever(client, directory, pd, monkeypatch):
    monkeypatch.setattr("automations.connectors.pipedrive.paying.sleep", lambda _: None)
    monkeypatch.setattr(directory, "spend", lambda pool, cost: 1.0 if pool is SEARCH else 0.0)
    with pytest.raises(UnavailableError, match=r"[Ss]earches"):
        client.get("/api/v2/persons/search", {"term": "ana", "fields": "name"})
    assert pd.requests == []


def test_what_is_left_is_learned_from_a_refusal_too(client, directory, pd):
    pd.limits.daily_limit = 2
    client.get("/api/v1/users/me")
    with pytest.raises(UnavailableError, match="daily budget"):
        client.get("/api/v1/users/me")
    assert directory.observed["daily"] == (2, 0)


def test_a_backfill_that_waits_holds_nobody_up(client, directory):
    directory.waits, directory.can_wait = {DAILY.name: 7200.0}, True
    with pytest.raises(UnavailableError, match="can wait") as refused:
        client.get("/api/v1/users/me")
    assert not refused.value.whole_connection
