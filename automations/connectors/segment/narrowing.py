"""How triggers are narrowed: by name, or by values at paths of the message.

Each function answers None (let it through) or why not, in words that follow "because".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automations.connectors.segment.messages import id_text


def is_one_of(what: str, seen: Any, wanted: str | Sequence[str] | None) -> str | None:
    """Let through where `seen` is the wanted text or one of several, exactly. what: the word for it in a reason."""
    if not wanted:
        return None
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if seen in names:
        return None
    return f"{what} is {_shown(seen)}, wanted {' or '.join(names)}"


def all_hold(wanted: Mapping[str, Any] | None, record: Mapping[str, Any]) -> str | None:
    """Let through where every dotted path leads to the wanted value, or to one of a list of them.

    Numbers and texts are the same when they read the same; null wants that nothing is there.
    """
    for path, value in (wanted or {}).items():
        seen = _at(path, record)
        options = value if isinstance(value, list) else [value]
        if not any(_same(seen, option) for option in options):
            return f"{path} is {_shown(seen)}, wanted {' or '.join(map(_shown, options))}"
    return None


def has_consent(wanted: str | Sequence[str] | None, record: Mapping[str, Any]) -> str | None:
    """Let through where the user agreed to every wanted category; a message that says nothing says no.

    Source: Segment docs, "Consent in Segment Connections": `context.consent.categoryPreferences`, category -> true or
    false; a destination with several categories needs all of them; read 2026-11-22.
    """
    said = _at("context.consent.categoryPreferences", record)
    preferences = said if isinstance(said, Mapping) else {}
    for category in [wanted] if isinstance(wanted, str) else wanted or ():
        if category and preferences.get(category) is not True:
            answer = "refused" if preferences.get(category) is False else "not given"
            return f"consent to {category} is {answer}, wanted true"
    return None


def _at(path: str, record: Mapping[str, Any]) -> Any:
    found: Any = record
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _same(seen: Any, wanted: Any) -> bool:
    if isinstance(seen, bool) or isinstance(wanted, bool) or seen is None or wanted is None:
        return _word(seen) == _word(wanted)
    return bool(seen == wanted) or bool(id_text(seen) and id_text(seen) == id_text(wanted))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | str) else "" if value is None else repr(value)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
