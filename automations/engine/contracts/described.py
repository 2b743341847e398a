"""A kind of connection whose products are described in texts, shipped with it or written by people here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automations.engine.contracts.fields import JsonObject
from automations.engine.contracts.kinds import ConnectionKind

OwnTexts = Callable[[], Mapping[str, str]]
"""Returns the texts that people wrote here, by name."""


@dataclass(frozen=True)
class Description:
    """One product that a connection of this kind may stand for.

    name: what the connection's setting holds. own: written here, not shipped. sources: the pages its facts come
    from, with the day they were read. problem: why it cannot be used; empty where it can.
    """

    name: str
    title: str
    text: str
    own: bool
    sources: Sequence[str] = ()
    problem: str = ""


class DescribedKind(ConnectionKind):
    """A kind with one description a product. setting: the name of the setting that names the description."""

    setting: str

    def bring(self, own: OwnTexts) -> None:
        """Let it know the texts that people wrote here; they are asked for anew each time."""
        raise NotImplementedError

    def descriptions(self) -> Sequence[Description]:
        """Return every description, by title; an own one that cannot be used says why."""
        raise NotImplementedError

    def read_description(self, text: str, *, file: str = "") -> Description:
        """Return what a text describes. Raises RecipeProblems with file, path and the nearest right name."""
        raise NotImplementedError

    def text_of(self, name: str) -> str:
        """Return the text of a description. Raises NotFoundError with the nearest name."""
        raise NotImplementedError

    def draft(self, answers: Mapping[str, str]) -> str:
        """Return the text that a short form comes to. Raises InputError naming the question."""
        raise NotImplementedError

    def requests_for(
        self, text: str, given: Mapping[str, Any], sample: Mapping[str, Any]
    ) -> Sequence[JsonObject]:
        """Return the exact requests for one sample record, secrets masked; nothing leaves.

        sample: `action`, and the fields of that action. Raises RecipeProblems, InputError, FieldsError.
        """
        raise NotImplementedError
