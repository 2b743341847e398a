"""Recipes in sentences: what one does, and what differs between two versions of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automations.engine.conditions import OPS
from automations.engine.registry import Registry
from automations.web.path_words import key_words, short, words_for

Tree = Mapping[str, Any]
STEPS_NAMED = 3
_SAID_OF_A_STEP = {
    "connection": "goes to",
    "for_each": "repeats for",
    "wait": "waits",
    "on_error": "on error",
}


def sentence(tree: Tree, registry: Registry) -> str:
    """Return what a recipe does: *When a deal is created in Sales, create or update a profile in CleverTap.*"""
    return f"{_when(tree.get('trigger') or {}, registry)}, {_what(tree.get('steps') or [], registry)}."


def _when(part: Tree, registry: Registry) -> str:
    trigger = registry.triggers.get(str(part.get("key", "")))
    if trigger is None:
        return "When something happens that is not chosen yet"
    fields = part.get("fields") or {}
    narrowed = [
        f"{(trigger.Fields.model_fields[key].title or key).lower()} {value}"
        for key, value in fields.items()
        if key in trigger.Fields.model_fields and value not in (None, "", "any")
    ]
    return f"When {_lowered(trigger.sentence)}" + (f" ({', '.join(narrowed)})" if narrowed else "")


def _what(steps: Sequence[Tree], registry: Registry) -> str:
    said = [action_words(str(step.get("action", "")), registry) for step in steps]
    if not said:
        return "do nothing yet"
    more = len(said) - STEPS_NAMED
    listed = said[:STEPS_NAMED] + ([f"{more} more {'step' if more == 1 else 'steps'}"] if more > 0 else [])
    if len(listed) == 1:
        return listed[0]
    return ", ".join(listed[:-1]) + f" and {listed[-1]}"


def action_words(key: str, registry: Registry) -> str:
    """Return what an action does, with the product it does it in."""
    action = registry.actions.get(key)
    if action is None:
        return "a step that is not installed" if key else "a step that is not chosen yet"
    words = _lowered(action.sentence)
    kind = action.connection.title if action.connection is not None else ""
    # A title in capitals is a protocol, and nothing happens "in HTTP".
    return words if not kind or kind in words or kind.isupper() else f"{words} in {kind}"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


# -- differences ----------------------------------------------------------------------------------


def changes(before: Tree | None, after: Tree, registry: Registry) -> list[str]:
    """Return what differs, one sentence each, in the order of the recipe."""
    if before is None:
        count = len(after.get("steps") or [])
        return [f"A new recipe with {count} {'step' if count == 1 else 'steps'}."]
    found = [
        f"The {key} is now {_quoted(after.get(key) or '')}."
        for key in ("name", "description")
        if (before.get(key) or "") != (after.get(key) or "")
    ]
    found += _trigger_changes(before.get("trigger") or {}, after.get("trigger") or {}, registry)
    if before.get("only_if") != after.get("only_if"):
        found.append(_condition_change("The conditions", before.get("only_if"), after.get("only_if")))
    if (before.get("order") or "per_record") != (after.get("order") or "per_record"):
        kept = (after.get("order") or "per_record") == "per_record"
        found.append(
            "Events of one record now follow each other."
            if kept
            else "Events of one record may now overtake each other."
        )
    return found + _step_changes(before.get("steps") or [], after.get("steps") or [], registry)


def _trigger_changes(before: Tree, after: Tree, registry: Registry) -> list[str]:
    found = []
    if before.get("key") != after.get("key"):
        trigger = registry.triggers.get(str(after.get("key")))
        found.append(f"It now starts with: {trigger.title if trigger else after.get('key') or 'nothing'}.")
    if before.get("connection") != after.get("connection"):
        found.append(f"It now listens to {_quoted(after.get('connection'))}.")
    if (before.get("own_changes") or "ignore") != (after.get("own_changes") or "ignore"):
        allowed = after.get("own_changes") == "allow"
        found.append(f"What recipes write themselves now starts {'it, too' if allowed else 'nothing'}.")
    old, new = before.get("fields") or {}, after.get("fields") or {}
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            found.append(f"{key_words(key)}: {_now(old.get(key), new.get(key), key in new)}.")
    return found


def _step_changes(before: Sequence[Tree], after: Sequence[Tree], registry: Registry) -> list[str]:
    old, new = ({str(step.get("name")): step for step in steps} for steps in (before, after))
    found = [
        f"Step {name} is new: {action_words(str(new[name].get('action')), registry)}."
        for name in new
        if name not in old
    ]
    found += [f"Step {name} is gone." for name in old if name not in new]
    stayed = [name for name in new if name in old]
    if stayed != [name for name in old if name in new]:
        found.append(f"The steps now run in the order {', '.join(new)}.")
    for name in stayed:
        found += _one_step(name, old[name], new[name], registry)
    return found


def _one_step(name: str, before: Tree, after: Tree, registry: Registry) -> list[str]:
    found = []
    if before.get("action") != after.get("action"):
        found.append(f"{name}: it now does: {action_words(str(after.get('action')), registry)}.")
    for key, label in _SAID_OF_A_STEP.items():
        if before.get(key) != after.get(key):
            found.append(
                f"{name}: {label} {_quoted(after.get(key)) if after.get(key) else 'nothing special'}."
            )
    if before.get("only_if") != after.get("only_if"):
        found.append(_condition_change(f"{name}: its condition", before.get("only_if"), after.get("only_if")))
    old, new = _flat(before.get("fields") or {}), _flat(after.get("fields") or {})
    action = registry.actions.get(str(after.get("action")))
    for path in dict.fromkeys([*old, *new]):
        if path not in new or path not in old or old[path] != new[path]:
            title = _field_title(path, action)
            found.append(f"{name} › {title}: {_now(old.get(path), new.get(path), path in new)}.")
    if before.get("missing") != after.get("missing"):
        found.append(f"{name}: what happens when a value is missing is different.")
    return found


def _flat(fields: Tree) -> dict[tuple[str, ...], Any]:
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in fields.items():
        if isinstance(value, dict) and value:
            flat.update({(key, inner): found for inner, found in value.items()})
        else:
            flat[key,] = value
    return flat


def _field_title(path: tuple[str, ...], action: Any) -> str:
    info = action.Fields.model_fields.get(path[0]) if action is not None else None
    title = (info.title if info is not None else None) or key_words(path[0])
    return " › ".join([title, *path[1:]])


def _now(before: Any, after: Any, is_there: bool) -> str:
    if not is_there:
        return f"no longer set (was {_quoted(before)})"
    return f"now {_quoted(after)}" + (f" (was {_quoted(before)})" if before is not None else "")


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        words = words_for(value)
        if words is not None:
            return " › ".join(words.words) + "".join(f" [{tag}]" for tag in words.tags)
        return f"“{short(value, 60)}”" if value else "empty"
    return short(value, 60)


def _condition_change(label: str, before: Any, after: Any) -> str:
    if after is None:
        return f"{label} are gone: every event passes." if label.endswith("s") else f"{label} is gone."
    verb = "are" if label.endswith("s") else "is"
    said = condition_words(after)
    return f"{label} {verb} {'new' if before is None else 'now'}: {said}."


def condition_words(tree: Any) -> str:
    """Return a condition in a sentence: *Deal › Value is at least 1000 and Deal › Status equals open*."""
    if isinstance(tree, str):
        return short(tree, 80)
    if not isinstance(tree, Mapping):
        return short(tree)
    for kind, word in (("all", " and "), ("any", " or ")):
        if isinstance(tree.get(kind), list):
            inner = [condition_words(member) for member in tree[kind]]
            return word.join(f"({one})" if " or " in one and kind == "all" else one for one in inner)
    if "not" in tree:
        return f"not ({condition_words(tree['not'])})"
    doc = OPS.get(str(tree.get("op")))
    right = f" {_right(tree.get('right'))}" if doc is None or doc.takes_right else ""
    return f"{_quoted(tree.get('left') or '')} {doc.words if doc else tree.get('op')}{right}"


def _right(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value[:5]) + (" …" if len(value) > 5 else "")
    return _quoted(value)
