"""Templates in words for people who do not write them: *Deal › Person › E-mail*, then what is done to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import nodes

from automations.engine.templating.paths import static_path
from automations.engine.templating.syntax import UnreadableError, read
from automations.engine.templating.template import ENVIRONMENT

_WORDS: Final = {
    "id": "ID", "email": "E-mail", "emails": "E-mails", "url": "URL", "org_id": "Organization ID",
    "record": "Record", "previous": "Before", "changed": "Changed fields", "now": "Time of the event",
    "userId": "User ID", "anonymousId": "Anonymous ID", "groupId": "Group ID",
}  # fmt: skip
_ORDINALS: Final = ("first", "second", "third")
_SILENT: Final = frozenset({"custom", "custom_fields", "steps"})
_IDENTIFIER: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")
_TAGS: Final = {
    "lower": "small letters", "upper": "CAPITALS", "title": "Capital Words", "capitalize": "Capital first",
    "trim": "trimmed", "normalize_email": "tidy e-mail", "e164": "phone +…", "first_name": "first name",
    "last_name": "last name", "split_name": "name in parts", "as_number": "as a number",
    "as_integer": "as a whole number", "as_boolean": "yes or no", "as_date": "as a date",
    "as_datetime": "as a time", "format_date": "date as", "iso": "ISO time", "epoch": "Unix seconds",
    "epoch_ms": "Unix milliseconds", "money": "money", "default": "else", "coalesce": "else", "round": "rounded",
    "join": "joined by", "first": "first one", "last": "last one", "length": "how many", "slug": "short name",
    "strip_html": "without HTML", "sha256": "SHA-256", "json": "as JSON", "truncate": "cut to",
    "truncate_bytes": "cut to bytes", "string": "as text", "lookup": "from a table",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """words: the path's parts. tags: its filters. path: its keys, for the tree of the sample."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    path: tuple[str | int, ...]


@lru_cache(maxsize=2_048)
def words_for(source: str) -> Words | None:
    """Return the words of a template that is one path, filtered or not; None for anything richer."""
    expression = _expression(source)
    tags: list[str] = []
    while isinstance(expression, nodes.Filter) and expression.node is not None:
        tag = _tag(expression)
        if tag is None:
            return None
        tags.append(tag)
        expression = expression.node
    path = static_path(expression) if expression is not None else None
    return Words(path_words(path), tuple(reversed(tags)), path) if path is not None else None


def _expression(source: str) -> nodes.Expr | None:
    text = source.strip()
    if not (text.startswith("{{") and text.endswith("}}")):
        return None
    try:
        body = read(ENVIRONMENT, text).body
    except UnreadableError:
        return None
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        return None
    return body[0].nodes[0]


def _tag(node: nodes.Filter) -> str | None:
    values = [*node.args, *(keyword.value for keyword in node.kwargs)]
    if not all(isinstance(value, nodes.Const) for value in values):
        return _TAGS.get(node.name, node.name) + " …"
    given = ", ".join(str(value.value) for value in values if isinstance(value, nodes.Const))
    return " ".join(part for part in (_TAGS.get(node.name, node.name), given) if part)


def path_words(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return each part of a path as people say it: `("deal", "person", "email")` is Deal, Person, E-mail."""
    words: list[str] = []
    for place, key in enumerate(path):
        if isinstance(key, int):
            words.append(_ORDINALS[key] if 0 <= key < len(_ORDINALS) else f"no. {key + 1}")
        elif key in _SILENT and place < len(path) - 1:
            continue
        elif place > 0 and path[place - 1] in _SILENT:
            words.append(key if len(key) < 40 else f"custom field {key[:6]}…")
        else:
            words.append(key_words(key))
    return tuple(words)


def key_words(key: str) -> str:
    """Return `Stage change time` for `stage_change_time`; what is no such name stays."""
    if key in _WORDS:
        return _WORDS[key]
    if not _IDENTIFIER.match(key) or key != key.lower():
        return key
    text = re.sub(r"_id$", " ID", key).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def path_source(path: tuple[str | int, ...]) -> str:
    """Return a path as it is written in a template: `deal.custom["Roof type"]`."""
    first, *rest = path
    text = str(first)
    for key in rest:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _IDENTIFIER.match(key):
            text += f".{key}"
        else:
            text += '["' + key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"]'
    return text


def short(value: Any, length: int = 80) -> str:
    """Return a value on one line, cut."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, list):
        return f"list of {len(value)}" if value else "empty list"
    if isinstance(value, dict):
        return "named values" if value else "no values"
    text = " ".join(str(value).split()) if str(value).strip() else ("empty text" if value == "" else "blanks")
    return text if len(text) <= length else text[: length - 1] + "…"
