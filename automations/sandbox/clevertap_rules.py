"""What CleverTap's upload takes, record by record, with the documented error codes.

Sources: "API Errors" (2025-12-14), "Upload User Profiles", "Upload Events", "Event APIs" (2026-06-30), read 2026-11-22.
That a bad special key (514-520) costs the whole record is inferred from the record being echoed back.
"""

from __future__ import annotations

import re
from typing import Any

Problem = tuple[int, str]

KEY_BYTES = 120
VALUE_BYTES = 512
PROFILE_KEYS = 256
EVENT_PROPERTIES = 256
LIST_ITEMS = 100
CHARGED_ITEMS = 50
IDENTITY_CHARACTERS = 1024
# 1973-03-03 and 5138-11-16: outside, a number of seconds can only be a mistake such as milliseconds.
EARLIEST_TS, LATEST_TS = 100_000_000, 99_999_999_999

RESERVED_EVENTS = frozenset(
    {
        *("Notification Sent", "Notification Viewed", "Notification Clicked", "Notification Delivered"),
        *("Notification Replied", "Notification Bounced", "UTM Visited", "App Launched", "App Uninstalled"),
        *("App Version Changed", "Stayed", "Reply Sent", "Experiment Rendered", "Reachable By"),
        *("Identity Set", "Identity Reset", "Identity Error", "wzrk_d"),
    }
)
IDENTITY_KEYS = ("identity", "objectId", "FBID", "GPID")
ROOT_KEYS = {
    "profile": frozenset({"type", "profileData", "ts", "source", "$source", "platform", *IDENTITY_KEYS}),
    "event": frozenset({"type", "evtName", "evtData", "ts", "source", "$source", "platform", *IDENTITY_KEYS}),
}
OPERATORS = frozenset({"$set", "$add", "$remove", "$delete", "$incr", "$decr"})

_FORBIDDEN_IN_EVENT = re.compile(r"[%><!|&.:;$'\"\\]")
_FORBIDDEN_IN_PROFILE = re.compile(r"[%><!|&.:;$'\"\\#]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+[1-9]\d{7,14}")
_DATE = re.compile(r"\$D_-?\d{1,12}")
_OBJECT_ID = re.compile(r"[A-Za-z0-9()!:@$_-]{1,64}")


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _special_problem(key: str, value: Any) -> Problem | None:
    right, code, text = True, 0, ""
    if key == "Email":
        right, code, text = _matches(_EMAIL, value), 515, "Email is invalid"
    elif key == "Phone":
        right, code, text = _matches(_PHONE, value), 516, "Phone is invalid"
    elif key == "Gender":
        right, code, text = value in ("M", "F"), 514, "Gender is invalid"
    elif key == "Employed":
        right, code, text = value in ("Y", "N"), 517, "Employment status is invalid"
    elif key == "Education":
        right, code, text = value in ("School", "College", "Graduate"), 518, "Education status is invalid"
    elif key == "Married":
        right, code, text = value in ("Y", "N"), 519, "Marital status is invalid"
    elif key == "Age":
        right, code, text = _is_number(value) and 0 < value < 120, 520, "Age is invalid"
    elif key == "DOB":
        right, code, text = _matches(_DATE, value), 512, "DOB must be $D_ and epoch seconds"
    elif key.startswith("MSG-"):
        right, code, text = isinstance(value, bool), 512, f"{key} must be a boolean"
    return None if right else (code, text)


SPECIAL_KEYS = frozenset({"Email", "Phone", "Gender", "Employed", "Education", "Married", "Age", "DOB"})


def _key_problem(key: str, forbidden: re.Pattern[str]) -> Problem | None:
    if not key or len(key.encode()) > KEY_BYTES:
        return 512, f"Property key must have 1 to {KEY_BYTES} bytes"
    if forbidden.search(key):
        return 512, f"Property key '{key}' has a forbidden character"
    return None


def _scalar_problem(key: str, value: Any) -> Problem | None:
    if isinstance(value, str):
        too_long = len(value) > VALUE_BYTES // 4 and len(value.encode()) > VALUE_BYTES
        return (512, f"Property value of '{key}' is longer than {VALUE_BYTES} bytes") if too_long else None
    if isinstance(value, bool | int | float):
        return None
    if value is None:
        return 512, f"Property value of '{key}' is null"
    return 512, f"Property value of '{key}' is nested; nested values are not enabled for this account"


def _list_problem(key: str, values: list[Any]) -> Problem | None:
    if len(values) > LIST_ITEMS:
        return 512, f"Property '{key}' has more than {LIST_ITEMS} values"
    for value in values:
        if not isinstance(value, str):
            return 512, f"Property '{key}' may only list strings"
        problem = _scalar_problem(key, value)
        if problem:
            return problem
    return None


def _operator_problem(key: str, value: dict[str, Any]) -> Problem | None:
    if len(value) != 1 or not OPERATORS.issuperset(value):
        return 512, f"Property value of '{key}' is nested; nested values are not enabled for this account"
    operator, operand = next(iter(value.items()))
    if key in SPECIAL_KEYS and operator not in ("$set", "$delete"):
        return 512, f"'{key}' takes no {operator}"
    if operator in ("$incr", "$decr"):
        right = _is_number(operand) and operand > 0
        return None if right else (512, f"{operator} of '{key}' needs a positive number")
    if operator == "$delete":
        return None
    if operator in ("$add", "$remove"):
        return _list_problem(key, operand if isinstance(operand, list) else [operand])
    return _value_problem(key, operand)


def _value_problem(key: str, value: Any) -> Problem | None:
    if key in SPECIAL_KEYS or key.startswith("MSG-"):
        problem = _special_problem(key, value)
        if problem:
            return problem
    return _list_problem(key, value) if isinstance(value, list) else _scalar_problem(key, value)


def _profile_problem(data: Any) -> Problem | None:
    if not isinstance(data, dict):
        return 512, "profileData is missing"
    if len(data) > PROFILE_KEYS:
        return 512, f"A profile may hold {PROFILE_KEYS} keys"
    for key, value in data.items():
        problem = _key_problem(key, _FORBIDDEN_IN_PROFILE)
        if problem is None:
            problem = _operator_problem(key, value) if isinstance(value, dict) else _value_problem(key, value)
        if problem:
            return problem
    return None


def _event_problem(record: dict[str, Any], discarded: frozenset[str]) -> Problem | None:
    name, data = record.get("evtName"), record.get("evtData", {})
    if not isinstance(name, str) or not name.strip():
        return 509, "Event Name is incorrect"
    if name in RESERVED_EVENTS:
        return 513, f"'{name}' is a restricted system event"
    if _FORBIDDEN_IN_EVENT.search(name) or len(name) > VALUE_BYTES:
        return 512, f"Event name '{name[:60]}' has a forbidden character or is too long"
    if name in discarded:
        return 528, f"'{name}' was discarded"
    if not isinstance(data, dict):
        return 512, "evtData must be an object"
    if len(data) > EVENT_PROPERTIES:
        return 522, f"More than {EVENT_PROPERTIES} event properties"
    for key, value in data.items():
        if name == "Charged" and key == "Items":
            problem = _items_problem(value)
        else:
            problem = _key_problem(key, _FORBIDDEN_IN_EVENT) or _scalar_problem(key, value)
        if problem:
            return problem
    return None


def _items_problem(items: Any) -> Problem | None:
    if not isinstance(items, list) or len(items) > CHARGED_ITEMS:
        return 511, f"Items must be an array of at most {CHARGED_ITEMS} objects"
    for item in items:
        if not isinstance(item, dict):
            return 511, "Each of Items must be a flat object"
        for key, value in item.items():
            problem = _key_problem(key, _FORBIDDEN_IN_EVENT) or _scalar_problem(key, value)
            if problem:
                return problem
    return None


def _identity_problem(record: dict[str, Any]) -> Problem | None:
    given = [key for key in IDENTITY_KEYS if record.get(key) not in (None, "")]
    if len(given) != 1:
        return 523, "Exactly one identity is needed"
    value = record[given[0]]
    if not isinstance(value, str) or len(value) >= IDENTITY_CHARACTERS:
        return 523, "Identity must be a string under 1024 characters"
    if given[0] == "objectId" and not _OBJECT_ID.fullmatch(value):
        return 526, "objectId is invalid"
    return None


def record_problem(record: Any, discarded: frozenset[str] = frozenset()) -> Problem | None:
    """Code and text of the first thing wrong with a record; None when it is taken."""
    if not isinstance(record, dict):
        return 512, "A record must be an object"
    kind = record.get("type")
    if kind not in ("profile", "event"):
        return 524, "type is neither event nor profile"
    problem = _identity_problem(record)
    if problem:
        return problem
    ts = record.get("ts")
    if ts is not None and not (
        isinstance(ts, int) and not isinstance(ts, bool) and EARLIEST_TS <= ts <= LATEST_TS
    ):
        return 525, "ts is not epoch seconds"
    unknown = record.keys() - ROOT_KEYS[kind]
    if unknown:
        return 512, f"Key '{min(unknown)}' is not known in a {kind} record"
    return (
        _profile_problem(record.get("profileData"))
        if kind == "profile"
        else _event_problem(record, discarded)
    )
