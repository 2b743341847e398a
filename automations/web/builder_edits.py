"""Changes of a recipe's shape that buttons ask for: steps and rows added, moved, doubled, removed, put back.

Each is a word and a place, such as `remove:steps/0`, applied to the recipe that the form holds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from automations.engine.contracts import Action, JsonObject, Trigger
from automations.engine.definition import STEPS_MAX
from automations.engine.registry import Registry
from automations.errors import InputError
from automations.web.builder_conditions import blank_leaf
from automations.web.condition_edits import add_condition, put_condition, remove_condition
from automations.web.form_names import decoded
from automations.web.leaf_text import read_json
from automations.web.suggesting import suggested_fields

Place = list[str]


@dataclass
class Edited:
    """tree: after the change. removed: what *Undo* needs, as JSON text. focus: the input to go to."""

    tree: JsonObject
    removed: str = ""
    removed_words: str = ""
    focus: str = ""


class Editor:
    """Applies one operation. connections: names by kind, to choose the only one there is."""

    def __init__(
        self, tree: Mapping[str, Any], registry: Registry, connections: Mapping[str, list[str]]
    ) -> None:
        self._tree = copy.deepcopy(dict(tree))
        self._registry = registry
        self._connections = connections

    def apply(self, op: str, undo: str = "") -> Edited:
        """Raises InputError for an operation that does not exist or does not fit."""
        word, _, rest = op.partition(":")
        if word == "undo":
            return self._undo(undo)
        handler: Callable[[str], Edited] | None = {
            "refresh": lambda _place: Edited(self._tree),
            "trigger": self._trigger,
            "add-step": self._add_step,
            "add-condition": lambda place: self._add_condition(place, blank_leaf()),
            "add-group": lambda place: self._add_condition(place, {"any": [blank_leaf()]}),
            "add-row": self._add_row,
            "add-item": self._add_item,
            "as-template": self._as_template,
            "as-rows": self._as_rows,
            "clear": self._clear,
            "remove": self._remove,
            "up": lambda place: self._move(place, -1),
            "down": lambda place: self._move(place, 1),
            "duplicate": self._duplicate,
        }.get(word)
        if handler is None:
            raise InputError(f"There is no change called {word!r}. Load the page again.")
        try:
            return handler(rest)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise InputError("That part is not there any more. Load the page again.") from error

    # -- trigger and steps

    def _trigger(self, key: str) -> Edited:
        trigger = self._registry.triggers[key]
        before = self._tree.get("trigger") or {}
        part: JsonObject = {"key": key}
        old = self._registry.triggers.get(str(before.get("key")))
        if old is not None and old.connection.kind == trigger.connection.kind and before.get("connection"):
            part["connection"] = before["connection"]
            part |= {k: v for k, v in before.items() if k == "own_changes"}
        else:
            self._connect(part, trigger)
        kept = {k: v for k, v in (before.get("fields") or {}).items() if k in trigger.Fields.model_fields}
        if kept:
            part["fields"] = kept
        self._tree["trigger"] = part
        return Edited(self._tree, focus="trigger/connection")

    def _connect(self, part: JsonObject, wanted: type[Trigger] | Action) -> None:
        if wanted.connection is not None:
            names = self._connections.get(wanted.connection.kind, [])
            if len(names) == 1:
                part["connection"] = names[0]

    def _add_step(self, key: str) -> Edited:
        action = self._registry.actions[key]
        steps = self._tree.setdefault("steps", [])
        if len(steps) >= STEPS_MAX:
            raise InputError(f"A recipe has at most {STEPS_MAX} steps. Split it into two recipes.")
        trigger = self._registry.triggers.get(str((self._tree.get("trigger") or {}).get("key")))
        part: JsonObject = {
            "name": _free_name(key.rpartition(".")[2].rpartition("_")[2], steps),
            "action": key,
        }
        self._connect(part, action)
        part["fields"] = suggested_fields(action, trigger)
        steps.append(part)
        return Edited(self._tree, focus=f"steps/{len(steps) - 1}/name")

    def _duplicate(self, place: str) -> Edited:
        steps, index = self._tree["steps"], _index(place)
        twin = copy.deepcopy(steps[index])
        twin["name"] = _free_name(str(twin.get("name", "step")), steps)
        steps.insert(index + 1, twin)
        return Edited(self._tree, focus=f"steps/{index + 1}/name")

    def _move(self, place: str, by: int) -> Edited:
        steps, index = self._tree["steps"], _index(place)
        target = index + by
        if not 0 <= target < len(steps):
            return Edited(self._tree, focus=f"steps/{index}/name")
        steps.insert(target, steps.pop(index))
        return Edited(self._tree, focus=f"steps/{target}/name")

    def _add_condition(self, place: str, member: Any) -> Edited:
        index = add_condition(self._tree, place, member)
        return Edited(self._tree, focus=f"{place}/{index}/left")

    # -- fields

    def _field_at(self, place: str) -> tuple[JsonObject, str]:
        parts = place.split("/")
        if parts[0] == "steps" and parts[2] == "fields":
            return self._tree["steps"][int(parts[1])].setdefault("fields", {}), decoded(parts[3])
        return self._tree["trigger"].setdefault("fields", {}), decoded(parts[2])

    def _add_row(self, place: str) -> Edited:
        fields, key = self._field_at(place)
        value = fields.get(key)
        rows = value if isinstance(value, dict) else {}
        rows[""] = rows.pop("", "")
        fields[key] = rows
        return Edited(self._tree, focus=f"{place}/rows/{len(rows) - 1}/key")

    def _add_item(self, place: str) -> Edited:
        fields, key = self._field_at(place)
        value = fields.get(key)
        items = value if isinstance(value, list) else ([] if value in (None, "") else [value])
        fields[key] = [*items, ""]
        return Edited(self._tree, focus=f"{place}/items/{len(items)}/value")

    def _as_template(self, place: str) -> Edited:
        """Make one template of a field that had rows or choices; what was there can be put back."""
        fields, key = self._field_at(place)
        edited = self._taken(place, fields.get(key), "The rows were replaced.") if fields.get(key) else None
        fields[key] = "{{ record }}" if isinstance(fields.get(key), (dict, list)) else "{{ }}"
        return Edited(
            self._tree, edited.removed if edited else "", edited.removed_words if edited else "", focus=place
        )

    def _as_rows(self, place: str) -> Edited:
        fields, key = self._field_at(place)
        edited = self._taken(place, fields.get(key), "The template was replaced.")
        fields[key] = {"": ""}
        return Edited(self._tree, edited.removed, edited.removed_words, focus=f"{place}/rows/0/key")

    def _clear(self, place: str) -> Edited:
        fields, key = self._field_at(place)
        edited = self._taken(place, fields.pop(key), "The field was emptied.")
        return Edited(self._tree, edited.removed, edited.removed_words, focus=place)

    # -- removing and putting back

    def _remove(self, place: str) -> Edited:
        parts = place.split("/")
        if parts[0] == "steps" and len(parts) == 2:
            step = self._tree["steps"].pop(int(parts[1]))
            return self._taken(place, step, f"Step {step.get('name')} was removed.")
        if "only_if" in parts:
            return self._remove_condition(place)
        if parts[-2] in ("rows", "items"):
            fields, key = self._field_at(place)
            index = int(parts[-1])
            if parts[-2] == "items":
                return self._taken(place, fields[key].pop(index), "The item was removed.")
            name = list(fields[key])[index]
            value = fields[key].pop(name)
            return self._taken(place, [name, value], f"The property {name or 'without a name'} was removed.")
        fields, key = self._field_at(place)
        return self._taken(place, fields.pop(key), "The field was removed.")

    def _remove_condition(self, place: str) -> Edited:
        whole_place, before = remove_condition(self._tree, place)
        return self._taken(whole_place, before, "The condition was removed.")

    def _taken(self, place: str, value: Any, words: str) -> Edited:
        removed = json.dumps({"place": place, "value": value, "words": words})
        return Edited(self._tree, removed, words)

    def _undo(self, text: str) -> Edited:
        given: Any = read_json(text)
        if not isinstance(given, dict) or "place" not in given:
            raise InputError("There is nothing to put back.")
        place = str(given["place"])
        value: Any = given.get("value")
        parts = place.split("/")
        try:
            if parts[0] == "steps" and len(parts) == 2:
                self._tree.setdefault("steps", []).insert(int(parts[1]), value)
            elif parts[-1] == "only_if":
                put_condition(self._tree, place, value)
            elif parts[-2] == "items":
                fields, key = self._field_at(place)
                fields.setdefault(key, []).insert(int(parts[-1]), value)
            elif parts[-2] == "rows":
                fields, key = self._field_at(place)
                rows = list(fields.get(key, {}).items())
                rows.insert(int(parts[-1]), (value[0], value[1]))
                fields[key] = dict(rows)
            else:
                fields, key = self._field_at(place)
                fields[key] = value
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise InputError("What was removed does not fit any more.") from error
        return Edited(self._tree, focus=place)


def _index(place: str) -> int:
    return int(place.split("/")[1])


def _free_name(wanted: str, steps: list[JsonObject]) -> str:
    taken = {str(step.get("name")) for step in steps}
    name, number = wanted or "step", 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name
