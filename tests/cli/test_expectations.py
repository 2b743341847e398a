"""What a recipe's own tests expect, against what a test-run gave."""

from __future__ import annotations

from typing import Any

import pytest

from automations.cli.expectations import differences

READ = {"method": "GET", "url": "https://a.example/api/v2/persons/search?term=x", "headers": {}, "body": None}
WRITE = {
    "method": "POST",
    "url": "https://a.example/api/v2/persons",
    "headers": {"Content-Type": "application/json"},
    "body": {"name": "Ana", "age": 40, "vip": True, "emails": [{"value": "a@b.example", "primary": True}]},
}


def answer(*requests: dict[str, Any], outcome: str = "ok", why: tuple[str, ...] = ()) -> dict[str, Any]:
    step = {"name": "s", "error": None, "requests": list(requests)}
    return {"outcome": outcome, "why": list(why), "steps": [step]}


@pytest.mark.parametrize(
    "expected",
    [
        {"method": "POST"},
        {"method": "post", "path": "/persons"},
        {"url": "https://a.example/api/v2/persons"},
        {"url": "/api/v2/persons"},
        {"headers": {"content-type": "application/json"}},
        {"body": {"name": "Ana"}},
        {"body": {"age": 40.0, "emails": [{"value": "a@b.example"}]}},
        {"body": {"vip": True}},
    ],
)
def test_part_of_a_request_is_enough(expected: dict[str, Any]) -> None:
    assert differences({"outcome": "ok", "requests": [expected]}, answer(READ, WRITE)) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"method": "PUT", "path": "/api/v2/persons"}, "requests[0].method is POST, expected PUT."),
        ({"method": "POST", "path": "/deals"}, "expected /deals."),
        ({"method": "POST", "body": {"name": "Anna"}}, "requests[0].body.name is 'Ana', expected 'Anna'."),
        ({"method": "POST", "body": {"phone": "1"}}, "requests[0].body.phone is absent, expected '1'."),
        ({"method": "POST", "body": {"vip": 1}}, "requests[0].body.vip is True, expected 1."),
        (
            {"method": "POST", "body": {"name": {"first": "Ana"}}},
            "requests[0].body.name is 'Ana', expected an object.",
        ),
        ({"method": "POST", "body": {"emails": []}}, "expected 0 entries"),
        ({"method": "POST", "headers": {"X-Key": "1"}}, "requests[0].headers.X-Key is None, expected '1'."),
    ],
)
def test_difference_is_told_with_its_place(expected: dict[str, Any], said: str) -> None:
    (found,) = differences({"requests": [expected]}, answer(READ, WRITE))
    assert said in found


def test_each_expected_request_needs_one_of_its_own() -> None:
    expect = {"requests": [{"method": "POST"}, {"method": "POST"}]}
    assert differences(expect, answer(WRITE, WRITE)) == []
    assert differences(expect, answer(WRITE)) == ["expect.requests[1]: no other request is made."]
    assert differences({"requests": [{}]}, answer()) == ["expect.requests[0]: no request is made."]


def test_empty_list_forbids_writing_but_not_looking() -> None:
    assert differences({"requests": []}, answer(READ)) == []
    assert differences({"requests": []}, answer(READ, WRITE)) == [
        "POST https://a.example/api/v2/persons was not expected."
    ]


def test_outcome_that_is_not_given_is_ok() -> None:
    assert differences({}, answer()) == []
    found = differences({}, answer(outcome="filtered", why=("deal.value is 5, wanted gt 10",)))
    assert found == ["The outcome is filtered, expected ok: deal.value is 5, wanted gt 10"]


def test_error_of_a_step_is_told() -> None:
    given = answer(outcome="error")
    given["steps"][0]["error"] = {"message": "It has no e-mail."}
    assert differences({"outcome": "ok"}, given) == ["The outcome is error, expected ok: It has no e-mail."]
    assert differences({"outcome": "error"}, given) == []


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"outcom": "ok"}, "Did you mean 'outcome'"),
        ({"outcome": "fine"}, "it can be ok, filtered, error"),
        ({"requests": {}}, "expect.requests is a list"),
        ({"requests": ["POST"]}, "expect.requests[0] is an object"),
        ({"requests": [{"bodi": {}}]}, "Did you mean 'body'"),
    ],
)
def test_expectation_that_says_nothing_is_a_difference(expect: dict[str, Any], said: str) -> None:
    assert any(said in line for line in differences(expect, answer(WRITE)))
