"""What a connection kind, trigger or action must have before the registry takes it, ours and others' alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from automations.engine.contracts import (
    Action,
    ActionFields,
    Batch,
    ConnectionKind,
    ConnectionSettings,
    Occurrence,
    Trigger,
    TriggerFields,
    topic_fits,
)

_WORD: Final = r"[a-z][a-z0-9_]*"
_KIND: Final = re.compile(rf"{_WORD}\Z")
_KEY: Final = re.compile(rf"{_WORD}\.{_WORD}\Z")
_SOURCE: Final = re.compile(r"^\s*Source: \S", re.MULTILINE)


def faults_of(part: type[Any], known_kinds: Iterable[type] = ()) -> list[str]:
    """Return what is wrong with a class, each as words that follow its name; empty when it may be used.

    known_kinds: the connection kinds that were taken, for triggers and actions.
    """
    if issubclass(part, ConnectionKind):
        return list(_kind_faults(part))
    if issubclass(part, Trigger):
        return list(_trigger_faults(part, known_kinds))
    return list(_action_faults(part, known_kinds))


def _kind_faults(kind: type[ConnectionKind]) -> Iterator[str]:
    yield from _common_faults(kind, "kind", _KIND, "one lower-case word", ("title",))
    yield from _table_faults(kind.Settings, "Settings", ConnectionSettings)


def _trigger_faults(trigger: type[Trigger], known_kinds: Iterable[type]) -> Iterator[str]:
    yield from _common_faults(trigger, "key", _KEY, "word.word", ("title", "sentence", "entity"))
    yield from _table_faults(trigger.Fields, "Fields", TriggerFields)
    for name, info in getattr(trigger.Fields, "model_fields", {}).items():
        if info.is_required():
            yield f"Fields.{name} is required, but narrowing a trigger is always optional: give it a default"
    if getattr(trigger, "connection", None) not in set(known_kinds):
        yield "its connection is no registered connection kind"
    topics = getattr(trigger, "topics", ())
    if not (
        isinstance(topics, tuple) and topics and all(isinstance(topic, str) and topic for topic in topics)
    ):
        yield "topics must be a tuple of at least one topic"
    sample = getattr(trigger, "sample", None)
    if not isinstance(sample, Occurrence):
        yield "it has no sample"
    elif not topic_fits(sample.topic, topics):
        yield f"its sample is a {sample.topic}, which it does not look at"
    elif not _is_plain_json(sample.as_json()):
        yield "its sample is not plain JSON"


def _action_faults(action: type[Action], known_kinds: Iterable[type]) -> Iterator[str]:
    yield from _common_faults(action, "key", _KEY, "word.word", ("title", "sentence"))
    connection = getattr(action, "connection", ...)
    key = str(getattr(action, "key", ""))
    if connection is not None and connection not in set(known_kinds):
        yield "its connection is no registered connection kind; None says that it needs none"
    # http.request talks to whatever the author names: there is no one page to cite.
    if connection is not None and not key.startswith("http.") and not _SOURCE.search(action.__doc__ or ""):
        yield "its docstring has no line `Source: …` that names the remote documentation"
    table = getattr(action, "Fields", None)
    yield from _table_faults(table, "Fields", ActionFields)
    if action.batch is not None and not isinstance(action.batch, Batch):
        yield "batch must be an instance of Batch"
    if not action.examples:
        yield "it has no examples"
    known = set(getattr(table, "model_fields", {}))
    for example in action.examples:
        if not isinstance(example, Mapping) or not _is_plain_json(example):
            yield "an example must be a plain table of field values"
        elif unknown := sorted(set(example) - known):
            yield f"an example uses fields that it does not have: {', '.join(unknown)}"


def _common_faults(
    part: type[Any], key_name: str, pattern: re.Pattern[str], form: str, texts: tuple[str, ...]
) -> Iterator[str]:
    key = getattr(part, key_name, None)
    if not isinstance(key, str) or not pattern.match(key):
        yield f"{key_name} must be {form}, not {key!r}"
    for name in texts:
        text = getattr(part, name, None)
        if not isinstance(text, str) or not text.strip():
            yield f"it has no {name}"
    if not (part.__doc__ or "").strip():
        yield "it has no docstring, which is the page that people read"


def _table_faults(table: Any, name: str, base: type[BaseModel]) -> Iterator[str]:
    if not (isinstance(table, type) and issubclass(table, base)):
        yield f"{name} must be a class based on {base.__name__}"
        return
    table.model_json_schema()
    groups: dict[str, int] = {}
    for field_name, info in table.model_fields.items():
        extra = info.json_schema_extra
        if not info.title or not isinstance(extra, dict) or "one_of" not in extra:
            yield f"{name}.{field_name} must be declared with field(…) and a title"
        elif group := str(extra["one_of"]):
            groups[group] = groups.get(group, 0) + 1
            if info.is_required():
                yield f"{name}.{field_name} is one of several alternatives and needs a default"
    for group, members in groups.items():
        if members == 1:
            yield f"{name}: only one field says one_of={group!r}"


def _is_plain_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False
