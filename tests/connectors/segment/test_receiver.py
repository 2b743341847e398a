"""From a request to its messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from automations.connectors.segment.receiver import LARGEST_BODY, MESSAGES_MAX, PATHS, read, receive
from automations.engine.contracts import Arrival, InboundRequest, Occurrence
from automations.errors import InputError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TRACK = {"type": "track", "userId": "cust-88", "event": "Paid", "messageId": "m-1"}


def arrived(body: Any, path: str = "/v1/batch") -> list[Arrival]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(receive(InboundRequest(raw, "text/plain", {}, path=path, received_at=NOON)))


def batch(*messages: Any, **root: Any) -> list[Arrival]:
    return arrived({"batch": list(messages), **root})


def happened(arrival: Arrival) -> Occurrence:
    return read(arrival.topic, arrival.payload)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("end", ["", "/"])
def test_every_address_takes_its_message(path: str, end: str) -> None:
    message = {**TRACK, "type": "screen", "groupId": "g", "previousId": "p"}
    is_batch = path.rpartition("/")[2] in ("batch", "import", "b")
    (arrival,) = arrived({"batch": [message]} if is_batch else message, path + end)
    names = {"i": "identify", "t": "track", "g": "group", "a": "alias", "p": "page", "s": "screen"}
    last = path.rpartition("/")[2]
    assert arrival.topic == f"segment.{'screen' if is_batch else names.get(last, last)}"


def test_batch_shares_its_context_and_integrations_with_its_messages() -> None:
    (arrival,) = batch(
        {**TRACK, "context": {"ip": "192.0.2.1"}},
        context={"ip": "192.0.2.9", "locale": "de"},
        integrations={"All": True},
        sentAt="2026-11-20T12:00:00Z",
    )
    record = happened(arrival).record
    assert record["context"] == {"ip": "192.0.2.1", "locale": "de"}
    assert record["integrations"] == {"All": True}
    assert (record["sentAt"], record["receivedAt"]) == ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.000Z")


def test_write_key_is_never_stored() -> None:
    (one,) = batch({**TRACK, "writeKey": "wk_4f0c"}, writeKey="wk_4f0c")
    (other,) = arrived({**TRACK, "writeKey": "wk_4f0c"}, "/v1/track")
    assert b"wk_4f0c" not in one.payload + other.payload


def test_clock_of_the_sender_is_put_right() -> None:
    (arrival,) = batch(
        {**TRACK, "originalTimestamp": "2026-11-20T11:49:30Z"}, sentAt="2026-11-20T11:50:00.000Z"
    )
    assert arrival.occurred_at == datetime(2026, 11, 20, 11, 59, 30, tzinfo=UTC)
    assert happened(arrival).occurred_at == "2026-11-20T11:59:30.000Z"


def test_repetition_has_the_key_it_had_before() -> None:
    (first,) = batch(TRACK, sentAt="2026-11-20T11:50:00Z")
    (again,) = batch(TRACK, sentAt="2026-11-20T11:58:00Z")
    assert first.dedupe_key == again.dedupe_key == "id:m-1"


def test_long_message_id_still_fits_its_column() -> None:
    (arrival,) = batch({**TRACK, "messageId": "m" * 5_000})
    assert len(arrival.dedupe_key) <= 200


def test_message_without_an_id_but_with_its_time_is_known_again() -> None:
    bare = {"type": "track", "userId": "u", "event": "Paid", "timestamp": "2026-11-20T11:50:00Z"}
    (first,) = batch(bare, sentAt="2026-11-20T11:50:00Z")
    (again,) = batch(dict(reversed(bare.items())), sentAt="2026-11-20T11:58:00Z")
    (other,) = batch({**bare, "event": "Refunded"})
    assert first.dedupe_key == again.dedupe_key != other.dedupe_key
    assert happened(first).record["messageId"]


def test_equal_messages_without_id_and_time_are_two() -> None:
    bare = {"type": "track", "userId": "u", "event": "Clicked"}
    keys = {arrival.dedupe_key for arrival in batch(bare, bare, {**bare, "messageId": "  "})}
    assert len(keys) == 3


def test_bad_message_does_not_take_its_neighbours_with_it() -> None:
    arrivals = batch(TRACK, {"type": "track", "event": "Nobody"}, 7, {**TRACK, "messageId": "m-2"})
    assert [arrival.topic for arrival in arrivals] == [
        "segment.track", "segment.refused", "segment.refused", "segment.track",
    ]  # fmt: skip
    refused = happened(arrivals[1])
    assert "neither a userId nor an anonymousId" in refused.label
    assert refused.record["message"]["event"] == "Nobody"


@pytest.mark.parametrize(
    "unfit",
    ['{"type":"track","userId":"u","event":"x","properties":{"v":NaN}}',
     '{"type":"track","userId":"u","event":"x","properties":{"v":1e999}}',
     '{"type":"track","userId":"u","event":"x","userId":"v"}',
     '{"type":"track","userId":"u","event":"x","properties":' + '{"a":' * 90 + "1" + "}" * 91],
    ids=["NaN", "infinite", "key twice", "deep"],
)  # fmt: skip
def test_unfit_message_is_refused_alone(unfit: str) -> None:
    body = f'{{"batch": [{json.dumps(TRACK)}, {unfit}]}}'.encode()
    good, refused = arrived(body)
    assert happened(good).record["messageId"] == "m-1"
    assert refused.topic == "segment.refused"
    assert happened(refused).label.startswith("refused: It holds NaN")


def test_refused_message_that_is_sent_again_is_kept_once() -> None:
    (first,) = [a for a in batch(TRACK, {"type": "track", "messageId": "m-9"}) if a.topic.endswith("refused")]
    (again,) = [
        a
        for a in batch(TRACK, {"type": "track", "messageId": "m-9"}, sentAt="2026-11-20T12:00:00Z")
        if a.topic.endswith("refused")
    ]
    assert first.dedupe_key == again.dedupe_key


@pytest.mark.parametrize(
    ("path", "body", "code", "status"),
    [
        ("/v1/batch", b"{}", "bad_batch", 400),
        ("/v1/batch", b"[]", "empty_batch", 400),
        ("/v1/batch", b'{"batch":[]}', "empty_batch", 400),
        ("/v1/batch", b'{"batch":{}}', "bad_batch", 400),
        ("/v1/batch", b'{"batch":[1,"x",null]}', "empty_batch", 400),
        ("/v1/batch", b"not json", "bad_json", 400),
        ("/v1/batch", b"\xff\xfe{}", "bad_encoding", 400),
        ("/v1/track", b"[]", "not_an_object", 400),
        ("/v1/track", b'{"userId":"u"}', "no_event", 400),
        ("/v1/identify", b'{"traits":{}}', "no_user_anon_id", 400),
        ("/v1/track", b'{"userId":"u","event":"x","properties":{"v":NaN}}', "bad_number", 400),
        ("/hooks/in/token", b'{"userId":"u"}', "bad_type", 400),
        ("/v1/batch", b"x" * (LARGEST_BODY + 1), "too_large", 413),
        ("/v1/batch", b'{"batch":[' + b"{}," * MESSAGES_MAX + b"{}]}", "too_many_messages", 413),
    ],
)
def test_request_that_holds_no_message_is_refused(path: str, body: bytes, code: str, status: int) -> None:
    with pytest.raises(InputError) as caught:
        arrived(body, path)
    assert (caught.value.code, caught.value.status) == (code, status)


def test_address_of_its_own_takes_a_bare_message_and_a_bare_list() -> None:
    (one,) = arrived(TRACK, "/hooks/in/a-token-of-a-connection")
    (other,) = arrived([TRACK], "/hooks/in/a-token-of-a-connection")
    assert one.dedupe_key == other.dedupe_key == "id:m-1"


def test_numbers_stay_exact() -> None:
    (arrival,) = arrived(
        b'{"userId":"u","event":"x","messageId":"m","properties":{"n":9007199254740993,"big":123456789012345678901}}',
        "/v1/track",
    )
    assert happened(arrival).record["properties"] == {"n": 9007199254740993, "big": 123456789012345678901}
