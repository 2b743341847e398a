"""What was posted becomes a record, and copies are known where the sender lets us know them."""

from __future__ import annotations

import pytest

from automations.connectors.webhook.connection import WebhookConnection
from automations.engine.contracts import Arrival, InboundRequest, Occurrence
from automations.errors import InputError

KIND = WebhookConnection()
FORM = "application/x-www-form-urlencoded"


def arrived(body: bytes, content_type: str = "application/json", **headers: str) -> Arrival:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    (arrival,) = KIND.receive(InboundRequest(body, content_type, named))
    return arrival


def read(body: bytes, content_type: str = "application/json") -> Occurrence:
    arrival = arrived(body, content_type)
    return KIND.read(arrival.topic, arrival.payload)


@pytest.mark.parametrize(
    ("body", "content_type", "record"),
    [
        (b'{"a": [1, {"b": null}]}', "application/json", {"a": [1, {"b": None}]}),
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/cloudevents+json", {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b' {"a": 1}', FORM, {"a": 1}),
        (b'{"n": 18446744073709551617}', "application/json", {"n": 18446744073709551617}),
        (
            b"name=Ines+Ok%C3%A1for&tag=a&tag=b&empty=",
            FORM,
            {"name": "Ines Okáfor", "tag": ["a", "b"], "empty": ""},
        ),
        (b"a%00b=c%00d", FORM, {"a\ufffdb": "c\ufffdd"}),
        ("Grüße".encode(), "text/plain; charset=utf-8", {"text": "Grüße"}),
        (b"plain words", "", {"text": "plain words"}),
    ],
)
def test_json_forms_and_text_become_a_record(
    body: bytes, content_type: str, record: dict[str, object]
) -> None:
    occurrence = read(body, content_type)
    assert occurrence.record == record
    assert occurrence.topic == "hook.received"
    assert occurrence.entity == "hook"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "bad_json"),
        (b"[1]", "application/json", 400, "not_an_object"),
        (b"null", "application/json", 400, "not_an_object"),
        (b"{", "application/json", 400, "bad_json"),
        (b'{"a": "' + b"x" * 1_048_576 + b'"}', "application/json", 413, "too_large"),
        (b"", "text/plain", 400, "empty"),
        (b"\xff", "text/plain", 400, "bad_encoding"),
        (b"", FORM, 400, "empty"),
        (b"a=%ff", FORM, 400, "bad_encoding"),
        (b"\xff=1", FORM, 400, "bad_encoding"),
        (b"&".join([b"a=1"] * 10_001), FORM, 400, "too_many_items"),
        (b"<a/>", "application/xml", 415, "unsupported_type"),
        (b"--x", "multipart/form-data; boundary=x", 415, "unsupported_type"),
    ],
)
def test_what_can_never_be_valid_is_refused(body: bytes, content_type: str, status: int, code: str) -> None:
    with pytest.raises(InputError) as caught:
        arrived(body, content_type)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_alike_posts_are_two_happenings() -> None:
    assert arrived(b'{"a": 1}').dedupe_key != arrived(b'{"a": 1}').dedupe_key


@pytest.mark.parametrize("header", ["idempotency_key", "webhook_id"])
def test_the_senders_own_key_decides(header: str) -> None:
    first = arrived(b'{"a": 1}', **{header: "k-1"})
    assert first.dedupe_key == arrived(b'{"a": 2}', **{header: "k-1"}).dedupe_key == "key:k-1"
    assert first.dedupe_key != arrived(b'{"a": 1}', **{header: "k-2"}).dedupe_key


def test_a_request_id_or_record_id_tells_a_copy_but_swallows_no_change() -> None:
    once = arrived(b'{"id": 7, "stage": 1}').dedupe_key
    assert once == arrived(b'{"id": 7, "stage": 1}').dedupe_key
    assert once != arrived(b'{"id": 7, "stage": 2}').dedupe_key
    by_request = arrived(b'{"a": 1}', x_request_id="r").dedupe_key
    assert by_request == arrived(b'{"a": 1}', x_request_id="r").dedupe_key
    assert by_request != arrived(b'{"a": 2}', x_request_id="r").dedupe_key


def test_keys_fit_their_columns_whatever_is_sent() -> None:
    arrival = arrived(b'{"id": "' + b"x" * 5000 + b'"}', idempotency_key="k\x01" * 5000)
    assert len(arrival.dedupe_key) <= 200
    assert len(arrival.record_key) <= 200
    assert arrival.dedupe_key.isprintable()
    by_id = arrived(b'{"id": "' + b"x" * 120 + b'"}')
    assert len(by_id.dedupe_key) <= 200


def test_posts_about_one_record_share_its_lane() -> None:
    assert arrived(b'{"id": 7, "a": 1}').record_key == arrived(b'{"id": "7", "a": 2}').record_key == "hook:7"
    for body in (b'{"a": 1}', b'{"id": null}', b'{"id": true}', b'{"id": ""}', b'{"id": {"x": 1}}'):
        assert arrived(body).record_key == ""


def test_a_list_of_arrivals_says_what_it_is_about() -> None:
    assert read(b'{"id": 7, "name": "Ines"}').label == "Ines"
    assert read(b'{"a": 1, "b": 2}').label == "a, b"
    assert read(b'{"id": 7}').label == "7"


def test_it_has_nothing_to_try() -> None:
    assert "Ready" in KIND.test(None).summary


def hopped(said: str) -> InboundRequest:
    return InboundRequest(b'{"id": 1}', "application/json", {"automations-hop": said})


@pytest.mark.parametrize(
    ("said", "hops"), [("", 0), ("3", 3), ("5", 5), ("many", 0), ("-1", 0), ("9" * 9, 0)]
)
def test_a_sender_may_say_how_many_runs_lie_behind(said: str, hops: int) -> None:
    (arrival,) = KIND.receive(hopped(said))
    assert arrival.hops == hops


def test_what_goes_round_in_a_circle_is_refused() -> None:
    with pytest.raises(InputError, match="round in a circle") as refused:
        KIND.receive(hopped("6"))
    assert (refused.value.status, refused.value.code) == (422, "circle")
