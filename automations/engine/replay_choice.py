"""What a person may choose about a replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automations.errors import InputError


class ReplayFrom(StrEnum):
    """Where the new run begins."""

    START = "start"
    FAILED = "failed"


class ReplayVersion(StrEnum):
    """Which version of the recipe the new run goes through."""

    ORIGINAL = "original"
    LATEST = "latest"


@dataclass(frozen=True)
class ReplayChoice:
    """begin, START: conditions are judged and fields filled anew. FAILED: what came before the step that failed keeps
    its results. version, LATEST: what is published now. repeat_closed: send again also what was delivered already.
    """

    begin: ReplayFrom = ReplayFrom.START
    version: ReplayVersion = ReplayVersion.ORIGINAL
    repeat_closed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "from": str(self.begin),
            "version": str(self.version),
            "repeat_closed": self.repeat_closed,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ReplayChoice:
        """Read `as_json`'s shape; what is absent takes its default. Raises InputError for an unknown word."""
        try:
            return cls(
                ReplayFrom(values.get("from") or ReplayFrom.START),
                ReplayVersion(values.get("version") or ReplayVersion.ORIGINAL),
                bool(values.get("repeat_closed")),
            )
        except ValueError as error:
            raise InputError(
                f"{error}. Replay from {' or '.join(ReplayFrom)}, with the {' or '.join(ReplayVersion)} version."
            ) from error

    @property
    def sentence(self) -> str:
        """Say it for a person, as the end of a sentence."""
        begin = "from the start" if self.begin is ReplayFrom.START else "from the step that failed"
        version = "with the version published now" if self.version is ReplayVersion.LATEST else "as they were"
        closed = ", also what was delivered already" if self.repeat_closed else ""
        return f"{begin}, {version}{closed}"
