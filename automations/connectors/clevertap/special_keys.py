"""The profile keys that CleverTap reads itself: a wrong value costs the whole record, so it never leaves.

Source: CleverTap, "Upload User Profiles" and "API Errors" (codes 514 to 520), read 2026-11-22.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from automations.connectors.clevertap.mending import Mender, as_text, misfit

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"\+[1-9]\d{7,14}")
_DATE: Final = re.compile(r"\$D_-?\d{1,12}")
_YES: Final = frozenset({"y", "yes", "true", "1"})
_NO: Final = frozenset({"n", "no", "false", "0"})


def _email(value: Any) -> str | None:
    text = as_text(value).strip()
    return text if _EMAIL.fullmatch(text) else None


def _phone(value: Any) -> str | None:
    text = as_text(value).strip()
    return text if _PHONE.fullmatch(text) else None


def _gender(value: Any) -> str | None:
    return {"m": "M", "male": "M", "f": "F", "female": "F"}.get(as_text(value).strip().lower())


def _yes_or_no(value: Any) -> str | None:
    word = as_text(value).strip().lower()
    return "Y" if word in _YES else "N" if word in _NO else None


def _education(value: Any) -> str | None:
    word = as_text(value).strip().capitalize()
    return word if word in ("School", "College", "Graduate") else None


def _age(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(as_text(value))
    except ValueError:
        return None
    if not (math.isfinite(number) and 0 < number < 120):
        return None
    return int(number) if number.is_integer() else number


def _date_of_birth(value: Any) -> str | None:
    """A day stands for its midnight in UTC, so that everybody keeps the day that was written."""
    text = as_text(value).strip()
    if _DATE.fullmatch(text):
        return text
    try:
        day = datetime.fromisoformat(text).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    except ValueError:
        return None
    return f"$D_{int(day.timestamp())}"


def _boolean(value: Any) -> bool | None:
    letter = _yes_or_no(value)
    return None if letter is None else letter == "Y"


_WANTED: Final[dict[str, tuple[Callable[[Any], Any], str]]] = {
    "Email": (_email, "an e-mail address"),
    "Phone": (_phone, "a phone number with country code, such as +351912345678 (the filter e164 makes one)"),
    "Gender": (_gender, "M or F"),
    "Employed": (_yes_or_no, "Y or N"),
    "Married": (_yes_or_no, "Y or N"),
    "Education": (_education, "one of School, College, Graduate"),
    "Age": (_age, "an age in years"),
    "DOB": (_date_of_birth, "a date of birth such as 1990-09-21"),
}
# With these codes CleverTap itself refuses a record for one of its keys.
KEY_OF_CODE: Final = {
    "514": "Gender",
    "515": "Email",
    "516": "Phone",
    "517": "Employed",
    "518": "Education",
    "519": "Married",
    "520": "Age",
}
_FLAG: Final = (_boolean, "true or false")
_PLAIN: Final = frozenset({"Name", "Photo", "Tz", "Customer Type", "Identity", "FBID", "GPID", "Birthday"})


def is_special(key: str) -> bool:
    """Say whether CleverTap reads this key itself, so that only setting and deleting make sense."""
    return key in _WANTED or key in _PLAIN or key.startswith("MSG-")


def special_value(key: str, value: Any, mender: Mender, field: str) -> Any:
    """Return the value in CleverTap's own form. key: one that `is_special`. Raises FieldsError."""
    if isinstance(value, dict | list):
        raise misfit(field, value, "a single value")
    if key in _PLAIN:
        return mender.text(key, as_text(value))
    reader, wanted = _FLAG if key.startswith("MSG-") else _WANTED[key]
    fitting = reader(value)
    if fitting is None:
        raise misfit(field, value, wanted)
    # The form of a date is CleverTap's business; everything else is a change that its author should see.
    if fitting != value and key != "DOB":
        mender.notes.append(f"{key!r} was sent as {fitting!r}")
    return fitting
