"""The nearest right name for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from automations.engine.templating.limits import MAX_ITEMS

LONGEST_NAME = 60


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `wrong`, ignoring case; None when nothing is near."""
    if len(wrong) > LONGEST_NAME:
        return None
    by_folded = {name.casefold(): name for _, name in zip(range(MAX_ITEMS), known, strict=False)}
    found = get_close_matches(wrong.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(wrong: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return ` Did you mean 'x'?` with its leading space, or `otherwise` with one."""
    near = nearest(wrong, known)
    if near is not None:
        return f" Did you mean '{near}'?"
    return f" {otherwise}" if otherwise else ""
