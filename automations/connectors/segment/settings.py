"""What can be set for a source: the write key is made by itself, so nothing must be."""

from __future__ import annotations

import re
from typing import Final

from pydantic import field_validator

from automations.engine.contracts import ConnectionSettings, field

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?\Z")


class SegmentSettings(ConnectionSettings):
    """Nothing is needed for senders that are programs; pages in a browser send only from the origins given here."""

    allowed_origins: str | None = field(
        "Web pages that may send",
        "Origins such as https://shop.example, separated by commas; * for every page. Empty: none, programs only.",
        default=None,
        advanced=True,
    )

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for origin in split_origins(value):
            if origin != "*" and not _ORIGIN.match(origin):
                raise ValueError(f"{origin!r} is not an origin; write it like https://shop.example")
        return value


def split_origins(value: str | None) -> list[str]:
    """Return the origins of a comma list, in lower case, without a slash at the end."""
    parts = (part.strip().lower().removesuffix("/") for part in (value or "").split(","))
    return [part for part in parts if part]
