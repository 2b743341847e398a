"""What to say about a name nobody knows, and about a value that is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from automations.engine.templating.comparing import nothing
from automations.engine.templating.spelling import did_you_mean, nearest
from automations.engine.templating.values import member

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


def why_missing(paths: Collection[tuple[str, ...]], context: Mapping[str, Any]) -> str:
    """Return the sentence for the first of the paths that leads nowhere; empty when all lead somewhere."""
    for path in sorted(paths):
        holder: Any = context
        for place, key in enumerate(path):
            index = (
                int(key) if key.isdecimal() and len(key) < 10 and isinstance(holder, (list, tuple)) else key
            )
            found = member(holder, index)
            if nothing(found):
                return _missing_sentence(".".join(path[:place]), key, holder, found)
            holder = found
    return ""


def _missing_sentence(before: str, key: str, holder: Any, found: Any) -> str:
    where = f"{before}.{key}" if before else key
    if found is None:
        return f"'{where}' is null."
    near = (
        did_you_mean(key, [name for name in holder if isinstance(name, str)])
        if isinstance(holder, Mapping)
        else ""
    )
    return f"There is no '{key}' in '{before}'.{near}" if before else f"'{key}' is not known here.{near}"
