"""What a reply says of each record: by place, by echo, by id; what cannot be told stays in doubt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automations.connectors.targets.calls import Line, lines_of
from automations.connectors.targets.library import compiled
from automations.connectors.targets.records import Neutral, shape
from automations.connectors.targets.target import Target
from automations.connectors.targets.verdicts import Verdict, judge, own_reply, wait_s
from automations.errors import CredentialsError, OutcomeUnknownError, RejectedError, UnavailableError


def target_with(**answer: Any) -> Target:
    record = {"id": "{{ identity }}", "a": "{{ data }}"}
    tree = {
        "target": "acme",
        "title": "Acme",
        "address": "https://acme.example",
        "profile": {"path": "/p", "into": "people", "record": record},
        "event": {"path": "/p", "into": "events", "record": record},
        "together": True,
        "batch": {"records": 10},
        "throttle": {"wait": {"header": "X-Wait", "holds": answer.pop("holds", "seconds")}},
        "answer": answer,
    }
    return compiled(json.dumps(tree))


def lines(target: Target, *people: str, of: str = "profile") -> list[Line]:
    operation = target.operation(of)
    return [
        line
        for place, person in enumerate(people)
        for line in lines_of(
            place, shape(target, operation, Neutral({"user_id": person}, "E"), {}, delivery=person)
        )
    ]


def judged(target: Target, call: list[Line], status: int, body: Any) -> Verdict:
    return judge(target, call, status, body, lambda value: value if isinstance(value, str) else "why")


def kinds(verdict: Verdict) -> list[str]:
    return [type(error).__name__ if error else "ok" for error in verdict.errors]


def test_an_index_points_at_its_record() -> None:
    target = target_with(failures=[{"list": "errors", "by": "index", "at": "n", "code": "c", "reason": "m"}])
    body = {"errors": [{"n": 1, "c": "bad_id", "m": "no such id"}]}
    verdict = judged(target, lines(target, "a", "b", "c"), 200, body)
    assert kinds(verdict) == ["ok", "RejectedError", "ok"]
    assert "no such id (code bad_id)" in str(verdict.errors[1])
    assert own_reply(target, body, verdict.entries[0]) == {"errors": []}
    assert own_reply(target, body, verdict.entries[1]) == body


@pytest.mark.parametrize("index", [7, -1, "x", None, True, 1.5])
def test_an_index_that_points_at_nothing_leaves_all_in_doubt(index: Any) -> None:
    target = target_with(failures=[{"list": "errors", "by": "index", "at": "n"}])
    verdict = judged(target, lines(target, "a", "b"), 200, {"errors": [{"n": index}]})
    assert kinds(verdict) == ["OutcomeUnknownError", "OutcomeUnknownError"]


def test_an_index_counts_in_the_list_that_is_named() -> None:
    target = target_with(failures=[{"list": "errors", "by": "index", "at": "n", "array": "in"}])
    call = [*lines(target, "a", "b"), *lines(target, "c", "d", of="event")]
    body = {"errors": [{"n": 0, "in": "events"}, {"n": 1, "in": "people"}]}
    assert kinds(judged(target, call, 200, body)) == ["ok", "RejectedError", "RejectedError", "ok"]


def test_an_echo_finds_each_of_two_equal_records() -> None:
    target = target_with(failures=[{"list": "unprocessed", "by": "echo", "at": "record"}])
    call = lines(target, "a", "same", "same")
    body = {"unprocessed": [{"record": call[1].record}]}
    assert kinds(judged(target, call, 200, body)) == ["ok", "RejectedError", "ok"]
    assert kinds(judged(target, call, 200, {"unprocessed": body["unprocessed"] * 2})) == [
        "ok",
        "RejectedError",
        "RejectedError",
    ]


def test_an_id_speaks_of_every_record_that_has_it() -> None:
    target = target_with(
        failures=[{"list": "failed.ids", "by": "id", "record_at": "id", "meaning": "unknown"}]
    )
    verdict = judged(target, lines(target, "a", "b", "a"), 200, {"failed": {"ids": ["a"]}})
    assert kinds(verdict) == ["RejectedError", "ok", "RejectedError"]
    assert "unknown" in str(verdict.errors[0])


def test_where_one_keeps_the_others_out_they_are_sent_again() -> None:
    rule = {"statuses": [400], "list": "bad", "named": True, "by": "index", "at": "entry", "reason": "name"}
    target = target_with(failures=[{**rule, "rest": "again"}])
    verdict = judged(target, lines(target, "a", "b", "c"), 400, {"bad": {"time": [1]}})
    assert kinds(verdict) == ["ok", "RejectedError", "ok"]
    assert verdict.again == [0, 2]
    assert "time" in str(verdict.errors[1])


def test_a_passing_code_is_tried_again() -> None:
    rule = {"list": "errors", "by": "index", "at": "n", "code": "c", "retry_codes": [555]}
    target = target_with(failures=[rule])
    body = {"errors": [{"n": 0, "c": 555}, {"n": 1, "c": "555"}, {"n": 2, "c": 5}]}
    verdict = judged(target, lines(target, "a", "b", "c"), 200, body)
    assert kinds(verdict) == ["UnavailableError", "UnavailableError", "RejectedError"]


def test_a_call_that_cannot_be_read_is_halved_until_one_is_left() -> None:
    target = target_with()
    assert judged(target, lines(target, "a", "b"), 400, None).halve
    alone = judged(target, lines(target, "a"), 413, None)
    assert not alone.halve
    assert kinds(alone) == ["RejectedError"]


def test_a_yes_that_is_none_is_refused() -> None:
    target = target_with(ok_if="reply.status == 'success'")
    assert kinds(judged(target, lines(target, "a"), 200, {"status": "success"})) == ["ok"]
    assert kinds(judged(target, lines(target, "a"), 200, {"status": "fail"})) == ["RejectedError"]


@pytest.mark.parametrize("body", [None, [], "fine", 7])
def test_nonsense_is_no_yes_where_the_body_counts(body: Any) -> None:
    target = target_with(ok_if="reply.ok")
    with pytest.raises(OutcomeUnknownError):
        judged(target, lines(target, "a"), 200, body)


def test_without_a_rule_for_the_body_the_status_decides() -> None:
    target = target_with(ok=[202])
    assert kinds(judged(target, lines(target, "a"), 202, None)) == ["ok"]
    assert kinds(judged(target, lines(target, "a"), 200, None)) == ["RejectedError"]


def test_refused_credentials_are_known_by_status_or_by_a_rule() -> None:
    target = target_with(refused=[401], refused_if="status == 400 and 'key' in (reply.error | default(''))")
    for status, body in ((401, None), (400, {"error": "bad key"})):
        with pytest.raises(CredentialsError):
            judged(target, lines(target, "a"), status, body)
    assert isinstance(judged(target, lines(target, "a"), 400, {"x": 1}).errors[0], RejectedError)


def test_statuses_that_ask_for_another_try_are_tried_again() -> None:
    target = target_with(retry=[409])
    with pytest.raises(UnavailableError):
        judged(target, lines(target, "a"), 409, None)


@pytest.mark.parametrize(
    ("holds", "value", "wanted"),
    [
        ("seconds", "9", 9.0),
        ("epoch_s", "1010", 10.0),
        ("epoch_ms", "1010000", 10.0),
        ("epoch_s", "990", None),
        ("seconds", "soon", None),
        ("seconds", "999999", 86_400.0),
        ("seconds", "nan", None),
    ],
)
def test_the_header_of_a_description_says_how_long_to_wait(
    holds: str, value: str, wanted: float | None
) -> None:
    assert wait_s(target_with(holds=holds), {"X-Wait": value}, 1000.0) == wanted
