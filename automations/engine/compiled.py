"""A recipe version made ready to run: names resolved, templates compiled, what it reads known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from automations.engine.conditions import Condition
from automations.engine.contracts import Action, ConnectionKind, DirectoryLike, Trigger, TriggerFields
from automations.engine.definition import Definition, StepPart
from automations.engine.mapping import FieldMapping
from automations.engine.templating import Template


@dataclass(frozen=True)
class ConnectionFacts:
    """What compiling needs to know of a connection."""

    id: int
    name: str
    kind: str


FindConnection = Callable[[str], ConnectionFacts | None]

KnowAccount = Callable[[int], tuple[Any, DirectoryLike] | None]
"""Returns a connection's settings and what is remembered of its account; None where neither can be read."""


@dataclass(frozen=True)
class CompiledStep:
    """connection_id: 0 where the action needs none."""

    index: int
    part: StepPart
    action: Action
    connection_id: int
    mapping: FieldMapping
    only_if: Condition | None
    for_each: Template | None

    @property
    def name(self) -> str:
        return self.part.name


@dataclass(frozen=True)
class CompiledRecipe:
    """One version, ready to run. needs: the related things its templates read, in the kind's words."""

    name: str
    definition: Definition
    trigger: Trigger
    trigger_fields: TriggerFields
    connection: ConnectionFacts
    kind: ConnectionKind
    condition: Condition | None
    steps: tuple[CompiledStep, ...]
    needs: frozenset[str]
    condition_needs: frozenset[str]
    recipe_id: int = 0
    version_id: int = 0
    version: int = 0

    @property
    def ordered(self) -> bool:
        return self.definition.order == "per_record"

    def lane(self, record_key: str) -> str | None:
        """Return the lane of one record in this recipe; None where order does not matter."""
        return f"{self.recipe_id}:{record_key}" if self.ordered and record_key else None

    @cached_property
    def first_connection_id(self) -> int:
        """Whom a new run talks to first: the trigger's own account for look-ups, else the first step's."""
        if self.needs:
            return self.connection.id
        return self.steps[0].connection_id if self.steps else 0
