"""One request becomes its messages, each judged on its own: a bad one never takes its neighbours with it.

Source: Segment docs, "HTTP API Source", and RudderStack docs, "HTTP API"; both read 2026-11-22.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from automations.connectors.segment.messages import (
    REFUSED,
    TYPES,
    fault,
    id_text,
    normalised,
    occurrence_of,
    record_key,
    refused_occurrence,
    topic_of,
)
from automations.connectors.segment.moments import moment, written
from automations.engine import strict_json
from automations.engine.contracts import Arrival, InboundRequest, JsonObject, Occurrence
from automations.errors import InputError

LARGEST_BODY: Final = 5 * 2**20
MESSAGES_MAX: Final = 2_500

_BATCH: Final = "batch"
_ROUTES: Final[Mapping[str, str]] = {
    **{name: name for name in TYPES},
    **{name[0]: name for name in TYPES},
    "batch": _BATCH,
    "import": _BATCH,
    "b": _BATCH,
}
PATHS: Final = tuple(f"/v1/{name}" for name in _ROUTES)

_DEPTH: Final = strict_json.MAX_DEPTH
_ITEMS: Final = 500_000
_KEY_MAX: Final = 150
_TEXT_KEPT: Final = 4_000
# What is about the sending, not about what happened: a repetition differs in it.
_OF_THE_SENDING: Final = frozenset({"sentAt", "receivedAt", "writeKey"})
_UNFIT: Final = "It holds NaN, an infinite number, the same key twice, or is nested too deeply."
_NOT_A_NUMBER: Final = float("nan")


def receive(request: InboundRequest) -> Sequence[Arrival]:
    """Return the messages of one request, of a batch also the bad ones, which no trigger looks at.

    The path tells the type of a single call; elsewhere a batch, a bare list or one message with its `type` is taken.
    Raises InputError for a body that holds no message, or a single call that is no good one.
    """
    route = _ROUTES.get(request.path.rstrip("/").rpartition("/")[2], "")
    value, sound = _parsed(request.body)
    received_at = written(request.received_at)
    if route in TYPES or (not route and isinstance(value, dict) and "batch" not in value):
        return [_single(value, route, received_at)]
    root, messages = _batch(value)
    return [_arrival_of(message, root, received_at, sound=sound) for message in messages]


def read(topic: str, payload: bytes) -> Occurrence:
    """Return a stored message in the shape that triggers and templates read."""
    value = json.loads(payload)
    if topic == topic_of(REFUSED):
        return refused_occurrence(value.get("message"), str(value.get("reason", "")))
    return occurrence_of(value)


def _parsed(body: bytes) -> tuple[Any, bool]:
    """Return the JSON in a body, and whether all of it is sound; if not, each message is to be looked at.

    Raises InputError for what is no JSON at all, and for an unsound body that is no batch.
    """
    try:
        return strict_json.loads(body, max_bytes=LARGEST_BODY, max_depth=_DEPTH + 2, max_items=_ITEMS), True
    except InputError as error:
        if error.code not in ("bad_number", "duplicate_key", "too_deep"):
            raise
        value = _parsed_leniently(body)
        if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("batch"), list)):
            return value, False
        raise


def _parsed_leniently(body: bytes) -> Any:
    """Return the JSON with a NaN in place of what is unsound; None where even that cannot be done."""
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_without_repetitions)
    except (ValueError, RecursionError):
        return None


def _without_repetitions(pairs: list[tuple[str, Any]]) -> Any:
    table = dict(pairs)
    # Whoever looks at the message sees the rest of it; the NaN is what makes it unfit.
    return table if len(table) == len(pairs) else {**table, "(a key is there twice)": _NOT_A_NUMBER}


def _single(value: Any, route: str, received_at: str) -> Arrival:
    if not isinstance(value, dict):
        raise InputError("The body must be one JSON object.", code="not_an_object")
    message = _completed(value if not route else {**value, "type": route}, {}, received_at)
    found = fault(message)
    if found is not None:
        raise InputError(found[1], code=found[0])
    return _good(message)


def _batch(value: Any) -> tuple[JsonObject, list[Any]]:
    root = value if isinstance(value, dict) else {}
    messages = root.get("batch") if root else value
    if not isinstance(messages, list):
        raise InputError("A batch is an object with a list of messages in `batch`.", code="bad_batch")
    if not any(isinstance(message, dict) for message in messages):
        raise InputError("The batch holds no message.", code="empty_batch")
    if len(messages) > MESSAGES_MAX:
        text = f"The batch holds more than {MESSAGES_MAX:,} messages. Send it in parts."
        raise InputError(text, code="too_many_messages", status=413)
    return root, messages


def _arrival_of(value: Any, root: Mapping[str, Any], received_at: str, *, sound: bool) -> Arrival:
    if not isinstance(value, dict):
        return _refused(value, "It is not an object.")
    message = _completed(value, root, received_at)
    if not sound:
        try:
            text = json.dumps(message).encode()
            message = strict_json.loads(text, max_bytes=LARGEST_BODY, max_items=_ITEMS)
        except (InputError, RecursionError):
            return _refused(message, _UNFIT)
    found = fault(message)
    return _good(message) if found is None else _refused(message, found[1])


def _completed(message: Mapping[str, Any], root: Mapping[str, Any], received_at: str) -> JsonObject:
    """Return the message with what the batch says for all of its messages, and when it came; without the key."""
    whole = {name: value for name, value in message.items() if name != "writeKey"}
    for name in ("context", "integrations"):
        shared, own = root.get(name), whole.get(name)
        if isinstance(shared, dict) and isinstance(own, dict | None):
            whole[name] = {**shared, **(own or {})}
    if whole.get("sentAt") is None and root.get("sentAt") is not None:
        whole["sentAt"] = root["sentAt"]
    if received_at:
        whole["receivedAt"] = received_at
    if not id_text(whole.get("messageId")):
        whole["messageId"] = _made_id(whole)
    return whole


def _made_id(message: Mapping[str, Any]) -> str:
    """Return an id for a message that came without one.

    With a time of its own, the same content is the same happening sent again. Without one, two equal messages may
    well be two happenings, and only the sender could tell.
    """
    if moment(message.get("timestamp")) is None and moment(message.get("originalTimestamp")) is None:
        return f"made-{uuid.uuid4()}"
    content = _bytes_of(_content_of(message), sort=True)
    return f"made-{hashlib.sha256(content).hexdigest()[:32]}"


def _good(message: JsonObject) -> Arrival:
    record = normalised(message)
    return Arrival(
        topic=topic_of(record["type"]),
        record_key=record_key(record),
        dedupe_key=f"id:{_short(id_text(record['messageId']))}",
        payload=_bytes_of(message),
        occurred_at=moment(record.get("timestamp")),
    )


def _refused(message: Any, reason: str) -> Arrival:
    """Return a bad message of a batch: kept with its reason, so that somebody can see it; sent again, kept once."""
    try:
        payload = orjson.dumps({"reason": reason, "message": message})
    except TypeError:
        # A text that is no Unicode, an endless integer, a nesting without end: as text it does no harm.
        payload = orjson.dumps({"reason": reason, "message": json.dumps(message)[:_TEXT_KEPT]})
    content = message if isinstance(message, dict) else {"": message}
    fingerprint = hashlib.sha256(_bytes_of(_content_of(content), sort=True)).hexdigest()
    return Arrival(
        topic=topic_of(REFUSED), record_key="", dedupe_key=f"refused:{fingerprint}", payload=payload
    )


def _content_of(message: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in message.items() if name not in _OF_THE_SENDING}


def _bytes_of(value: Any, *, sort: bool = False) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort).encode()


def _short(text: str) -> str:
    """Return the text where a column can hold it, else a fingerprint of it."""
    if len(text) <= _KEY_MAX and text.isprintable():
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
