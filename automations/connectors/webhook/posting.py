"""What was posted becomes one record, and the question whether it came before gets an answer."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from automations.engine import strict_json
from automations.engine.contracts import Arrival, InboundRequest, JsonObject, Occurrence
from automations.engine.contracts.imprints import HOP_HEADER, HOPS_MAX
from automations.errors import InputError

TOPIC: Final = "hook.received"
ENTITY: Final = "hook"

# The sender's own word for one happening: the draft for Idempotency-Key, and Standard Webhooks.
_KEY_HEADERS: Final = ("idempotency-key", "webhook-id")
_KEY_LENGTH: Final = 120
_LABEL_KEYS: Final = ("name", "title", "event", "type", "id")


def receive(request: InboundRequest) -> Sequence[Arrival]:
    """Return the one arrival that a request is. Raises InputError: 400, 413, or 415 for another type."""
    record, payload = _read_body(request)
    number = _id_of(record)
    return [
        Arrival(
            topic=TOPIC,
            record_key=f"{ENTITY}:{number}" if number else "",
            dedupe_key=_dedupe_key(request, payload, number),
            payload=payload,
            hops=_hops(request),
        )
    ]


def read(topic: str, payload: bytes) -> Occurrence:
    """Return the posted body as a record; a text is `{"text": …}`."""
    record = strict_json.reread(payload)
    number = _id_of(record)
    label = next((str(record[key]) for key in _LABEL_KEYS if isinstance(record.get(key), str | int)), "")
    return Occurrence(
        topic=topic,
        entity=ENTITY,
        record=record,
        record_key=f"{ENTITY}:{number}" if number else "",
        label=(label or ", ".join(record))[:80],
    )


def _read_body(request: InboundRequest) -> tuple[JsonObject, bytes]:
    """Return the record, and bytes that `read` understands: JSON as it came, everything else as JSON."""
    kind = request.content_type.split(";", 1)[0].strip().lower()
    reader = _reader_for(kind, looks_like_json=request.body.lstrip()[:1] in (b"{", b"["))
    record = reader(request.body)
    if not isinstance(record, dict):
        raise InputError("The body must be one JSON object.", code="not_an_object")
    return record, request.body if reader is strict_json.loads else orjson.dumps(record)


def _reader_for(kind: str, *, looks_like_json: bool) -> Callable[[bytes], Any]:
    if kind == "application/json" or kind.endswith("+json"):
        return strict_json.loads
    if kind in ("", "text/plain", "application/x-www-form-urlencoded") and looks_like_json:
        # Senders that set no type of their own, such as `curl -d`, name the default of their tool.
        return strict_json.loads
    if kind == "application/x-www-form-urlencoded":
        return _form
    if kind in ("", "text/plain"):
        return _text
    raise InputError("Send JSON, a form or plain text.", code="unsupported_type", status=415)


def _form(body: bytes) -> JsonObject:
    """Return each name with its value; a name that is given several times has a list."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=strict_json.MAX_ITEMS,
        )
    except UnicodeDecodeError:
        raise InputError("The form is not valid UTF-8.", code="bad_encoding") from None
    except ValueError:
        raise InputError("The form has too many fields.", code="too_many_items") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(_storable(name), []).append(_storable(value))
    if not values:
        raise InputError("The form is empty.", code="empty")
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _text(body: bytes) -> JsonObject:
    if not body.strip():
        raise InputError("The body is empty.", code="empty")
    try:
        return {"text": _storable(body.decode("utf-8"))}
    except UnicodeDecodeError:
        raise InputError("The text is not valid UTF-8.", code="bad_encoding") from None


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def _hops(request: InboundRequest) -> int:
    """Return how many runs lie behind the request. Raises InputError, 422, when it goes round in a circle."""
    said = request.headers.get(HOP_HEADER.lower(), "").strip()
    hops = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else 0
    if hops > HOPS_MAX:
        raise InputError(
            f"This went through {hops} runs already, one after the other: it goes round in a circle.",
            code="circle",
            status=422,
        )
    return hops


def _id_of(record: Mapping[str, Any]) -> str:
    value = record.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _short(str(value)) if value != "" else ""


def _dedupe_key(request: InboundRequest, payload: bytes, number: str) -> str:
    """Return the sender's key, or one that no second request has.

    A request id or the record's id alone would swallow what is new: proxies pass one request id on to several
    calls, and a record is posted again when it has changed. Together with the body they tell a repetition.
    """
    for name in _KEY_HEADERS:
        if request.headers.get(name):
            return f"key:{_short(request.headers[name])}"
    hint = request.headers.get("x-request-id") or number
    if hint:
        return f"body:{_short(hint)}:{hashlib.sha256(payload).hexdigest()}"
    return f"once:{uuid.uuid4().hex}"


def _short(text: str) -> str:
    """Return the text where a column can hold it, else a fingerprint of it."""
    if len(text) <= _KEY_LENGTH and text.isprintable():
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
