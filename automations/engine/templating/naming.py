"""What to say about a name nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from automations.engine.templating.spelling import nearest

NAMES_LISTED: Final = 12
_ALIASES: Final = ("record", "event", "steps", "previous")


def unknown_name(name: str, context: Mapping[str, Any]) -> str:
    """Return the sentence for a top-level name that is not in the context of a render."""
    roots = [key for key in context if isinstance(key, str)]
    inside = [
        f"{root}.{name}"
        for root in sorted(roots, key=_ALIASES.__contains__)
        if isinstance(context[root], Mapping) and name in context[root]
    ]
    return _sentence(name, inside[0] if inside else nearest(name, roots), roots)


def unknown_among(name: str, known_names: Collection[str]) -> str:
    """Return the sentence for a name that is not among the known ones; those may be dotted."""
    inside = [known for known in known_names if known.rpartition(".")[2] == name]
    roots = list(dict.fromkeys(known.partition(".")[0] for known in known_names))
    return _sentence(name, inside[0] if inside else nearest(name, roots), roots)


def _sentence(name: str, near: str | None, roots: Collection[str]) -> str:
    fact = f"'{name[:60]}' is not known here."
    if near is not None:
        return f"{fact} Did you mean '{near}'? Choose a field from the sample record."
    listed = ", ".join(sorted(roots)[:NAMES_LISTED])
    return f"{fact} Choose a field from the sample record" + (f": {listed}." if listed else ".")
