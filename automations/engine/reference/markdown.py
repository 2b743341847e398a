"""The reference as one Markdown document, the same text for the same registry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import yaml

from automations.engine.operations import OpDoc
from automations.engine.reference.entries import ActionEntry, FieldEntry, KindEntry, Reference, TriggerEntry
from automations.engine.templating.documented import FilterDoc

COMMAND = "python -m automations.engine.reference"
_HEAD = f"""
# Reference

Everything that a recipe can name, printed by `{COMMAND} > docs/reference.md`; do not edit it by hand.
A running app shows the same, with sample records and whatever else is installed there, on its page `/reference`.

[Actions](#actions) · [Triggers](#triggers) · [Connections](#connections) · [Filters](#filters) ·
[Tests](#tests) · [Conditions](#conditions) · [States](#states) · [Errors](#errors)
"""


def as_markdown(found: Reference) -> str:
    """Return the document; headings of actions, triggers and connections are their keys, in backticks."""
    parts = [_HEAD.strip()]
    parts += [_section("Actions", "What a step can do.", map(_action, found.actions))]
    parts += [_section("Triggers", "What a recipe can wait for.", map(_trigger, found.triggers))]
    parts += [
        _section("Connections", "What can be connected, and what it asks for.", map(_kind, found.kinds))
    ]
    parts += [
        _section("Filters", "Written after a `|`: `{{ deal.title | upper }}`.", _filters(found.filters))
    ]
    parts += [_section("Tests", "Written after `is`: `{{ deal.value is number }}`.", _filters(found.tests))]
    parts += [_section("Conditions", "The `op` of a comparison in `only_if`.", [_ops(found.ops)])]
    parts += [_section("States", "What runs, deliveries and the rest can be.", [_states(found)])]
    parts += [
        _section("Errors", "The `kind` of what went wrong, in history and in `--json`.", [_errors(found)])
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lead: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"## {title}", lead, *parts])


def _action(entry: ActionEntry) -> str:
    facts = [f"**{entry.title}**", entry.connection]
    facts.append("sent twice is the same as once" if entry.repeatable else "sent twice may do it twice")
    if entry.batch_records:
        facts.append(f"up to {entry.batch_records:,} travel in one call")
    parts = [f"### `{entry.key}`", " · ".join(facts), *entry.text, _fields(entry.fields)]
    if entry.outputs:
        rows = [(f"`steps.<name>.{name}`", meaning) for name, meaning in entry.outputs.items()]
        parts.append(_table(("later steps read", "what it is"), rows))
    example = yaml.safe_dump({"fields": entry.example}, sort_keys=False, allow_unicode=True, width=1_000)
    parts.append(f"```yaml\n{example}```")
    if entry.source:
        parts.append(f"Source: {entry.source}")
    return "\n\n".join(parts)


def _trigger(entry: TriggerEntry) -> str:
    names = ", ".join(f"`{name}`" for name in entry.names)
    inside = ", ".join(f"`{name}`" for name in entry.sample)
    parts = [f"### `{entry.key}`", f"**{entry.title}** · {entry.connection}", *entry.text]
    if entry.fields:
        parts.append(_fields(entry.fields))
    return "\n\n".join(
        [*parts, f"Templates begin with {names}. In the sample, `{entry.entity}` has {inside}."]
    )


def _kind(entry: KindEntry) -> str:
    parts = [f"### `{entry.key}`", f"**{entry.title}**", *entry.text]
    if entry.fields:
        parts.append(_fields(entry.fields))
    if entry.receives:
        parts.append(entry.receives)
    return "\n\n".join(parts)


def _fields(fields: Sequence[FieldEntry]) -> str:
    rows = [(f"`{entry.name}`", field_takes(entry), field_meaning(entry)) for entry in fields]
    return _table(("field", "takes", "meaning"), rows)


def field_takes(entry: FieldEntry) -> str:
    """Return the type and what else decides whether a value is needed: `a text, required`."""
    words = [entry.wanted]
    if entry.required:
        words.append("required")
    elif entry.alternatives:
        words.append("this or " + " or ".join(f"`{name}`" for name in entry.alternatives))
    if entry.default:
        words.append(f"default `{entry.default}`")
    if entry.secret:
        words.append("secret")
    return ", ".join(words)


def field_meaning(entry: FieldEntry) -> str:
    """Return its title and help, and the list of the account that it offers."""
    words = f"{entry.title}. {entry.help}".strip()
    return words + (f" Offers the account's {entry.directory}." if entry.directory else "")


def _filters(docs: Sequence[FilterDoc]) -> Iterator[str]:
    for group, members in groupby(docs, key=lambda doc: doc.group):
        rows = [
            (_code(doc.signature), doc.doc, _code(doc.example), _code(_json(doc.result))) for doc in members
        ]
        yield f"### {group}\n\n" + _table(("written", "what it does", "for example", "gives"), rows)


def _ops(ops: Sequence[OpDoc]) -> str:
    rows = [(f"`{op.name}`", op.words, op.doc, _op_example(op)) for op in ops]
    return _table(("op", "in words", "when it holds", "for example"), rows)


def _op_example(op: OpDoc) -> str:
    left, *right = op.example
    if op.about_change:
        return f"now {_code(_json(left))}" + (f", right side {_code(_json(right[0]))}" if right else "")
    return _code(_json(left)) + (f" and {_code(_json(right[0]))}" if right else "")


def _states(found: Reference) -> str:
    rows = [(state.of, f"`{state.word}`", state.sentence) for state in found.states]
    return _table(("of a", "state", "meaning"), rows)


def _errors(found: Reference) -> str:
    rows = [(f"`{e.kind}`", f"`{e.name}`", e.sentence, e.follows or "–") for e in found.errors]
    return _table(("kind", "class", "meaning", "a delivery that met it"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
