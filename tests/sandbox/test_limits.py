"""Burst and daily limits, and what calls cost."""

from __future__ import annotations

import pytest

from automations.sandbox import PipedriveSandbox
from automations.sandbox.limits import cost_of
from tests.sandbox.parts import Api


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/api/v2/deals/5001", 1),
        ("GET", "/api/v2/deals", 10),
        ("GET", "/api/v2/deals/archived", 20),
        ("GET", "/api/v2/pipelines", 5),
        ("POST", "/api/v2/persons", 5),
        ("PATCH", "/api/v2/persons/701", 5),
        ("DELETE", "/api/v2/persons/701", 3),
        ("GET", "/api/v2/persons/search", 20),
        ("GET", "/api/v2/itemSearch/field", 20),
        ("GET", "/v1/users", 20),
        ("GET", "/api/v1/users/me", 2),
        ("GET", "/v1/webhooks", 10),
        ("POST", "/v1/webhooks", 10),
        ("DELETE", "/v1/webhooks/1", 6),
        ("PUT", "/v1/persons/1/merge", 40),
        ("POST", "/v1/notes", 10),
    ],
)
def test_calls_cost_what_the_documents_say(method: str, path: str, cost: int) -> None:
    assert cost_of(method, path) == cost


def test_no_burst_header_is_shown_while_there_is_no_limit(api: Api) -> None:
    headers = api("GET", "/api/v2/deals").headers
    assert "x-ratelimit-limit" not in headers
    assert headers["x-daily-ratelimit-token-remaining"] == "9999990"


def test_the_burst_limit_is_kept_and_shown(pd: PipedriveSandbox, api: Api) -> None:
    pd.burst_limit = 3
    replies = [api("GET", "/api/v2/deals") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert int(replies[-1].headers["x-ratelimit-reset"]) in (1, 2)
    assert replies[-1].json()["errorCode"] == 429


def test_searches_have_a_limit_of_their_own(pd: PipedriveSandbox, api: Api) -> None:
    pd.search_burst_limit = 1
    path = "/api/v2/persons/search?term=abc"
    assert [api("GET", path).status_code for _ in range(2)] == [200, 429]
    assert api("GET", "/api/v2/persons").status_code == 200


def test_an_empty_daily_budget_stops_everything(pd: PipedriveSandbox, api: Api) -> None:
    pd.limits.daily_limit = 12
    assert api("GET", "/api/v2/deals").headers["x-daily-ratelimit-token-remaining"] == "2"
    refused = api("GET", "/api/v2/deals")
    assert refused.status_code == 429
    api("GET", "/v1/users/me")
    empty = api("GET", "/v1/users/me")
    assert (empty.status_code, empty.headers["x-daily-ratelimit-token-remaining"]) == (429, "0")
