"""A tree of plain JSON values, as recipes and API calls bring them: what may be in it, and where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from automations.errors import RecipeError

DEPTH_MAX = 64
PARTS_MAX = 50_000


def refuse_what_is_not_json(tree: Any) -> None:
    """Raise RecipeError for what no template or record can hold, and for a tree that unfolds without end."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    seen = 0
    while waiting:
        location, value = waiting.pop()
        seen += 1
        if seen > PARTS_MAX or len(location) > DEPTH_MAX:
            raise RecipeError(
                f"The recipe is too large: {PARTS_MAX:,} values, {DEPTH_MAX} levels deep, are the most."
            )
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise RecipeError(
                        f"The key {key!r} is no text. Put it in quotes.", path=path_text(location)
                    )
            waiting += [((*location, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*location, index), inner) for index, inner in enumerate(value)]
        elif not (value is None or isinstance(value, str | bool | int)) and not (
            isinstance(value, float) and math.isfinite(value)
        ):
            raise RecipeError(
                f"{str(value)[:40]!r} is no value that a recipe can hold. Write it as text, in quotes.",
                path=path_text(location),
            )


def path_text(location: tuple[Any, ...] | list[Any]) -> str:
    """Write a location the way people point at it: `steps[0].fields.identity`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
