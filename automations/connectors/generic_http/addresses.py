"""Where a call goes: under the connection's own address, or to the place that the step's author wrote out."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from automations.connectors.generic_http.settings import HttpSettings
from automations.errors import FieldsError

_WRITTEN_OUT: Final = re.compile(r"\s*(https?://[^/?#{}@\s]+)(?:[/?#]|\s*\Z)", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


def whole_address(url: str, base: str) -> str:
    """Return the address that a rendered one comes to. base: the connection's own; empty where it has none.

    Raises FieldsError when it leaves the base's scheme, host and port, or climbs with `.` or `..`.
    """
    text = url.strip()
    _refuse_climbing(text)
    if "://" not in text.split("?", 1)[0]:
        if not base:
            raise _bad_url(text, "a whole address; this connection has none of its own to begin with")
        return f"{base}/{text.lstrip('/')}" if text.lstrip("/") else base
    if base and _place(text) != _place(base):
        raise _bad_url(text, f"an address at {'://'.join(_place(base))}, where the connection belongs")
    return text


def fault_of_address(template: Any, settings: HttpSettings) -> str:
    """Return what is wrong with an address as its author wrote it, templates and all; empty when nothing is.

    Whose machine is called may depend on the author alone, never on what an event brings.
    """
    if not isinstance(template, str):
        return ""
    base = settings.base_url
    found = _WRITTEN_OUT.match(template)
    if found is None:
        if base and "://" not in template.partition("{{")[0]:
            return ""
        return (
            "Scheme and host must be written out, such as https://api.example.com/orders, with no template in them. "
            "Or give the connection an address, and here a path under it."
        )
    if base and _place(found[1]) != _place(base):
        return f"It leaves {'://'.join(_place(base))}, where the connection belongs. Give a path, such as /orders."
    return ""


def _refuse_climbing(url: str) -> None:
    path = urlsplit(url).path if "://" in url else re.split(r"[?#]", url, maxsplit=1)[0]
    if any(unquote(part) in (".", "..") for part in re.split(r"[/\\]", path)):
        raise _bad_url(url, "an address without the parts . and .., which lead elsewhere")


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    authority = parts.netloc.lower()
    default = _DEFAULT_PORTS.get(parts.scheme, "")
    return parts.scheme, authority.removesuffix(default) if default else authority


def _bad_url(url: str, wanted: str) -> FieldsError:
    return FieldsError(
        f"{url[:200]!r} is not {wanted}. Change the step's address, or the connection's.",
        field="url",
        value=url[:200],
        wanted=wanted,
    )
