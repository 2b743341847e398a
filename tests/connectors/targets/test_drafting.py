"""The short form: its answers become a description that works."""

from __future__ import annotations

import json

import pytest

from automations.connectors.targets.drafting import drafted
from automations.connectors.targets.library import compiled
from automations.connectors.targets.previewing import previewed
from automations.errors import InputError

ANSWERS = {
    "name": "acme_events",
    "title": "Acme",
    "address": "https://events.acme.example/",
    "profile_path": "/profiles",
    "event_path": "/events",
}
EVENT = {
    "action": "event",
    "identity": "u-1",
    "event_name": "Deal Won",
    "timestamp": "2026-11-22T10:42:00Z",
    "properties": {"a": {"b": 1}},
}


@pytest.mark.parametrize("auth", ["none", "bearer", "basic", "header", "query", "body"])
def test_every_way_to_sign_in_makes_a_request(auth: str) -> None:
    target = compiled(drafted({**ANSWERS, "auth": auth, "auth_name": "" if auth != "header" else "X-Key"}))
    (request,) = previewed(target, {"api_key": "k-77aa1c5e02"} if auth != "none" else {}, EVENT)
    assert request["url"] == "https://events.acme.example/events"
    assert "k-77aa1c5e02" not in json.dumps(request)
    assert request["body"]["event"] == "Deal Won"


def test_records_of_ones_own_go_into_a_list() -> None:
    more = {"event_record": '{"who": "{{ user_id }}", "<<": "{{ data }}"}', "records": "50"}
    target = compiled(drafted({**ANSWERS, **more, "list_key": "data.events", "nested": "flatten"}))
    (request,) = previewed(target, {}, EVENT)
    assert request["body"] == {"data": {"events": [{"who": "u-1", "a.b": 1}]}}


@pytest.mark.parametrize(
    ("answer", "value", "said"),
    [
        ("name", "Acme Events", "small letters"),
        ("address", "events.acme.example", "Give an address"),
        ("profile_path", "profiles", "begins with `/`"),
        ("records", "0", "1 to 10,000"),
        ("records", "many", "1 to 10,000"),
        ("event_record", "{", "not JSON"),
        ("event_record", "[]", "an object"),
        ("event_record", '{"a": "{{ persn }}"}', "There is no 'persn'"),
        ("time", "soon", "no form of a time"),
        ("auth", "magic", "Credentials are one of"),
    ],
)
def test_an_answer_that_cannot_be_is_named(answer: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        drafted({**ANSWERS, answer: value})
