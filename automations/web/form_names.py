"""How an input's name tells its place in the recipe: `steps/0/fields/properties/rows/1/value`.

Parts that people chose are percent-encoded, so a name can always be taken apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote


def joined(*parts: str | int) -> str:
    """Return a name from a finished beginning and plain parts."""
    return "/".join(str(part) for part in parts)


def encoded(part: str) -> str:
    """Return a key as one part of a name."""
    return quote(part, safe="").replace("~", "%7E")


def decoded(part: str) -> str:
    return unquote(part)


def indexes(form: Mapping[str, str], name: str) -> list[int]:
    """Return the numbers that follow `name/` in the form, in order."""
    return sorted({int(part) for part in children(form, name) if part.isdecimal() and len(part) < 6})


def children(form: Mapping[str, str], name: str) -> list[str]:
    """Return the parts that follow `name/` in the form, each once, as they came."""
    start = len(name) + 1
    found = (key[start:].partition("/")[0] for key in form if key.startswith(f"{name}/"))
    return list(dict.fromkeys(part.removesuffix("~") for part in found))
