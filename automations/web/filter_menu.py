"""The ƒ menu: what can be done to a value, by example. Each choice is the whole template, shown on the sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from automations.engine.templating import FILTERS
from automations.web.builder_preview import Preview
from automations.web.path_words import short, words_for

_TEXT: Final = (
    ("trim", "without blanks around it"),
    ("lower", "in small letters"),
    ("upper", "in CAPITALS"),
    ("title", "Every Word With a Capital"),
    ("first_name", "the first name"),
    ("last_name", "the last name"),
    ("truncate(40)", "cut to 40 characters"),
    ("strip_html", "without HTML"),
    ("slug", "as a short name for links"),
)
_EMAIL: Final = (("normalize_email", "tidied: small letters, no blanks"),)
_PHONE: Final = (("e164('DE')", "as +49…, where DE is the country of numbers without one"),)
_NUMBER: Final = (
    ("round", "rounded"),
    ("round(2)", "rounded to two digits"),
    ("money('EUR')", "as an amount of money"),
    ("string", "as text"),
)
_DATE: Final = (
    ("format_date('%d.%m.%Y')", "as day.month.year"),
    ("format_date('%Y-%m-%d')", "as year-month-day"),
    ("format_date('%d.%m.%Y %H:%M', 'Europe/Berlin')", "with the time in Berlin"),
    ("as_date", "the date only"),
    ("epoch", "as Unix time"),
)
_LIST: Final = (
    ("first", "the first one"),
    ("last", "the last one"),
    ("join(', ')", "joined by commas"),
    ("length", "how many"),
)
_NUMERIC_TEXT: Final = (("as_number", "as a number"), ("as_integer", "as a whole number"))
_ANY: Final = (("default('unknown')", "“unknown” where it is empty"), ("json", "as JSON text"))
_LOOKS_LIKE_DATE: Final = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]|$)")
_LOOKS_LIKE_NUMBER: Final = re.compile(r"^[\s€$£]*-?[\d.,]*\d\s*$")


@dataclass(frozen=True)
class FilterChoice:
    """template: the whole of it. example: what it gives on this sample, on one line."""

    template: str
    words: str
    example: str
    written: str
    doc: str


def filter_choices(source: str, preview: Preview) -> list[FilterChoice]:
    """Return what fits the value that a one-path template has on the sample; nothing for richer templates."""
    if words_for(source) is None:
        return []
    inside = source.strip().removeprefix("{{").removesuffix("}}").strip()
    now = preview.value(source)
    offered = _offered(now["value"], missing=now["state"] != "value")
    templates = ["{{ " + f"{inside} | {written}" + " }}" for written, _ in offered]
    found = []
    for (written, words), template, result in zip(offered, templates, preview.values(templates), strict=True):
        if result["state"] == "value" and not _is_same(result["value"], now["value"]):
            doc = FILTERS[written.partition("(")[0]].doc
            found.append(FilterChoice(template, words, short(result["value"], 60), written, doc))
    return found


def _offered(value: Any, *, missing: bool) -> tuple[tuple[str, str], ...]:
    if missing:
        return _ANY[:1]
    if isinstance(value, bool):
        return (("string", "as text"), *_ANY)
    if isinstance(value, (int, float)):
        return (*_NUMBER, *(_DATE if value > 100_000_000 else ()), *_ANY)
    if isinstance(value, list):
        return (*_LIST, *_ANY)
    if isinstance(value, dict):
        return _ANY
    return _for_text(str(value))


def _for_text(text: str) -> tuple[tuple[str, str], ...]:
    if _LOOKS_LIKE_DATE.match(text):
        return (*_DATE, *_ANY)
    if "@" in text:
        return (*_EMAIL, *_TEXT[:4], *_ANY)
    digits = sum(character.isdigit() for character in text)
    phone = _PHONE if text.startswith("+") or (digits >= 6 and not _LOOKS_LIKE_NUMBER.match(text)) else ()
    number = _NUMERIC_TEXT if _LOOKS_LIKE_NUMBER.match(text) else ()
    return (*phone, *number, *_TEXT, *_ANY)


def _is_same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right
