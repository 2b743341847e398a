"""What a write of ours leaves behind, so that it is known again when it comes back as an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum

from automations.engine.contracts.fields import JsonObject

HOP_HEADER = "Automations-Hop"
"""How many runs lie behind a call, told to whoever is called; a webhook that says more than `HOPS_MAX` is refused."""

HOPS_MAX = 5

Became = Callable[[str], None]
"""Called with the record key of what a create made, as soon as the reply tells it."""


class Verb(StrEnum):
    """What is done to a record. TOUCH: something beside it is written, which moves what follows from it."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    MERGE = "merge"
    TOUCH = "touch"


@dataclass(frozen=True)
class Imprint:
    """One change of one record, told alike by who is about to write it and by the event that it makes.

    record_key: as events have it, such as `deal:5120`; empty for a record that is to be made. values: field -> JSON,
    in one form on both sides; of an event, what changed, or the whole of what is new; of a touch, what is written
    beside the record -> None. follows: of an event, fields that may change by themselves when another one does ->
    those others. derived: of an event, fields that changed and that nobody can write -> whose writing moves them;
    none where the connector does not know. What follows from anything at all, such as the time of the last change,
    is in none of the three.
    """

    entity: str
    verb: Verb
    record_key: str = ""
    values: JsonObject = dataclass_field(default_factory=dict)
    follows: Mapping[str, frozenset[str]] = dataclass_field(default_factory=dict)
    derived: Mapping[str, frozenset[str]] = dataclass_field(default_factory=dict)
