"""What there is, as plain values for pages and documents: one entry for each thing that a recipe can name.

Everything is read from the declarations that the engine itself works with, so a new action, trigger, filter or
state stands here without a line being added.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from automations import errors
from automations.engine.context import known_names
from automations.engine.contracts import Action, ConnectionKind, Fields, JsonObject, Trigger
from automations.engine.conversion import type_words
from automations.engine.operations import OPS, OpDoc
from automations.engine.registry import Registry
from automations.engine.retry import Pause, Retry, after_failure
from automations.engine.templating.documented import FilterDoc
from automations.engine.templating.filters import FILTERS
from automations.engine.templating.is_tests import TESTS
from automations.errors import AutomationError, DeliveryError, RecipeError
from automations.model.states import ConnectionState, DeliveryStatus, JobState, RunStatus, VersionState

_SOURCE = "Source:"
_STATES = (
    ("run", RunStatus),
    ("delivery", DeliveryStatus),
    ("recipe version", VersionState),
    ("connection", ConnectionState),
    ("job", JobState),
)


@dataclass(frozen=True)
class FieldEntry:
    """One field. wanted: its type in words. default: JSON text, empty where there is none to tell.

    choices: fixed values. directory: the account's list that the form offers. alternatives: the other fields of
    which this one or another must be mapped.
    """

    name: str
    title: str
    help: str
    wanted: str
    required: bool
    default: str = ""
    choices: tuple[str, ...] = ()
    directory: str = ""
    alternatives: tuple[str, ...] = ()
    suggest: str = ""
    secret: bool = False


@dataclass(frozen=True)
class ActionEntry:
    """text: paragraphs of its docstring. source: the remote page and the day it was read, or empty.

    batch_records: how many travel in one call; 0 for an action that travels alone. example: one step's fields.
    """

    key: str
    title: str
    sentence: str
    text: tuple[str, ...]
    connection: str
    fields: tuple[FieldEntry, ...]
    outputs: Mapping[str, str]
    repeatable: bool
    batch_records: int
    source: str
    example: JsonObject


@dataclass(frozen=True)
class TriggerEntry:
    """names: what a template may begin with. sample: the built-in record with what is looked up for it."""

    key: str
    title: str
    sentence: str
    text: tuple[str, ...]
    connection: str
    entity: str
    fields: tuple[FieldEntry, ...]
    names: tuple[str, ...]
    sample: JsonObject


@dataclass(frozen=True)
class KindEntry:
    """A kind of connection. receives: in words, where events come in; empty where none do."""

    key: str
    title: str
    text: tuple[str, ...]
    fields: tuple[FieldEntry, ...]
    receives: str


@dataclass(frozen=True)
class StateEntry:
    """of: `run`, `delivery`, `recipe version` or `connection`."""

    of: str
    word: str
    sentence: str


@dataclass(frozen=True)
class ErrorEntry:
    """kind: the word in history and in `--json`. follows: what the engine does with a delivery that met it."""

    name: str
    kind: str
    sentence: str
    follows: str


@dataclass(frozen=True)
class Reference:
    """Everything, each in the order of its page."""

    actions: tuple[ActionEntry, ...]
    triggers: tuple[TriggerEntry, ...]
    kinds: tuple[KindEntry, ...]
    filters: tuple[FilterDoc, ...]
    tests: tuple[FilterDoc, ...]
    ops: tuple[OpDoc, ...]
    states: tuple[StateEntry, ...]
    errors: tuple[ErrorEntry, ...]


def reference(registry: Registry) -> Reference:
    """Return everything that recipes of this installation can name."""
    return Reference(
        actions=tuple(action_entry(action) for _, action in sorted(registry.actions.items())),
        triggers=tuple(trigger_entry(trigger) for _, trigger in sorted(registry.triggers.items())),
        kinds=tuple(kind_entry(kind) for _, kind in sorted(registry.kinds.items())),
        filters=_without_aliases(FILTERS),
        tests=_without_aliases(TESTS),
        ops=tuple(OPS.values()),
        states=tuple(_states()),
        errors=tuple(_errors()),
    )


def action_entry(action: Action) -> ActionEntry:
    text, source = read_docstring(type(action))
    return ActionEntry(
        key=action.key,
        title=action.title,
        sentence=action.sentence,
        text=text,
        connection=_kind_title(action.connection),
        fields=field_entries(action.Fields),
        outputs=dict(action.outputs),
        repeatable=action.repeatable,
        batch_records=action.batch.max_records if action.batch else 0,
        source=source,
        example=dict(action.examples[0]),
    )


def trigger_entry(trigger: type[Trigger]) -> TriggerEntry:
    text, _ = read_docstring(trigger)
    sample = trigger.sample
    return TriggerEntry(
        key=trigger.key,
        title=trigger.title,
        sentence=trigger.sentence,
        text=text,
        connection=_kind_title(trigger.connection),
        entity=trigger.entity,
        fields=field_entries(trigger.Fields),
        names=tuple(sorted(known_names(trigger.entity, trigger.names))),
        sample={**sample.record, **sample.related},
    )


def kind_entry(kind: ConnectionKind) -> KindEntry:
    text, _ = read_docstring(type(kind))
    receives = ""
    if kind.write_key_paths:
        paths = ", ".join(f"`{path}`" for path in kind.write_key_paths)
        receives = f"It receives at {paths}, with a write key of its own."
    elif kind.receives:
        receives = f"It receives at `{kind.hook_path}<secret>`, an address of its own."
    return KindEntry(kind.kind, kind.title, text, field_entries(kind.Settings), receives)


def field_entries(table: type[Fields]) -> tuple[FieldEntry, ...]:
    """Return the fields of a table in the order of their declaration."""
    groups: dict[str, list[str]] = {}
    for name, info in table.model_fields.items():
        groups.setdefault(str(_extra(info).get("one_of") or name), []).append(name)
    entries = []
    for name, info in table.model_fields.items():
        extra = _extra(info)
        choices = extra.get("choices") or ()
        group = groups[str(extra.get("one_of") or name)]
        entries.append(
            FieldEntry(
                name=name,
                title=info.title or name,
                help=info.description or "",
                wanted=type_words(info.annotation),
                required=info.is_required(),
                default="" if info.is_required() else _default_text(info.default),
                choices=() if isinstance(choices, str) else tuple(choices),
                directory=choices if isinstance(choices, str) else "",
                alternatives=tuple(other for other in group if other != name),
                suggest=str(extra.get("suggest") or ""),
                secret=bool(extra.get("secret")),
            )
        )
    return tuple(entries)


def read_docstring(part: type) -> tuple[tuple[str, ...], str]:
    """Return the paragraphs of a class's docstring without its `Source:` line, and that line's text."""
    source: list[str] = []
    paragraphs = []
    for block in inspect.cleandoc(part.__doc__ or "").split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        kept = [line for line in lines if not line.startswith(_SOURCE)]
        source += [line.removeprefix(_SOURCE).strip() for line in lines if line.startswith(_SOURCE)]
        if kept:
            paragraphs.append(" ".join(kept))
    return tuple(paragraphs), " ".join(source)


def _extra(info: Any) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _default_text(value: Any) -> str:
    return "" if value in (None, "", {}, []) else json.dumps(value, ensure_ascii=False)


def _kind_title(kind: type[ConnectionKind] | None) -> str:
    return kind.title if kind else "This app"


def _without_aliases(docs: Mapping[str, FilterDoc]) -> tuple[FilterDoc, ...]:
    return tuple(doc for doc in docs.values() if not doc.alias_of)


def _states() -> Iterator[StateEntry]:
    for of, family in _STATES:
        members: Iterable[Enum] = family
        for member in members:
            yield StateEntry(of, str(member), str(getattr(member, "sentence", "")))


def _errors() -> Iterator[ErrorEntry]:
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, AutomationError):
            sentence = inspect.cleandoc(found.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            yield ErrorEntry(name, found.kind, sentence, _what_follows(found))


def _what_follows(kind: type[AutomationError]) -> str:
    """Ask the engine's own rule what a first failure with this error leads to."""
    if issubclass(kind, RecipeError):
        return "parked"
    if not issubclass(kind, (DeliveryError, errors.CredentialsError)):
        return ""
    if issubclass(kind, errors.OutcomeUnknownError):
        return "tried again where that is safe, else parked"
    now = datetime(2026, 11, 22, tzinfo=UTC)
    answer = after_failure(kind("It failed."), attempts=1, since=now, now=now, jitter=0.5)
    if isinstance(answer, Retry):
        return "tried again"
    return "the connection pauses" if isinstance(answer, Pause) else "parked"
