"""A whole recipe as one form, and the form read back as a recipe.

The form holds everything a person can change here. What it does not hold (whether it is on, samples, tests) is
taken over from the recipe that is being edited. Writing and reading again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.engine.contracts import Action, Trigger
from automations.engine.registry import Registry
from automations.web import leaf_text
from automations.web.builder_conditions import ConditionView, read_condition, view_condition, without_blanks
from automations.web.builder_fields import read_fields, view_fields
from automations.web.field_views import FieldView, LeafView, Pair
from automations.web.form_names import indexes, joined

Tree = dict[str, Any]
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_WAIT_WORDS = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(s|m|h|d|w)[a-z]*\s*", re.IGNORECASE)


@dataclass
class StepView:
    """One step. name: of its inputs. path: as the engine names it. action: None where there is no such action."""

    index: int
    part: Tree
    action: Action | None
    fields: list[FieldView] = field(default_factory=list)
    only_if: ConditionView = field(default_factory=lambda: view_condition(None, "", ""))
    for_each: LeafView = field(default_factory=lambda: LeafView("", ""))
    kept_missing: Tree = field(default_factory=dict)

    @property
    def name(self) -> str:
        return joined("steps", self.index)

    @property
    def path(self) -> str:
        return f"steps[{self.index}]"

    @property
    def has_condition(self) -> bool:
        return self.part.get("only_if") is not None

    def pairs(self) -> Iterator[Pair]:
        for key in ("name", "action", "connection", "wait"):
            yield joined(self.name, key), str(self.part.get(key) or "")
        yield joined(self.name, "on_error"), str(self.part.get("on_error") or "stop")
        yield from self.for_each.pairs()
        yield from self.only_if.pairs()
        if self.kept_missing:
            yield joined(self.name, "kept"), leaf_text.as_json(self.kept_missing)
        for view in self.fields:
            yield from view.pairs()


@dataclass
class RecipeForm:
    """Everything the builder's form shows of one recipe."""

    tree: Tree
    trigger: type[Trigger] | None
    trigger_fields: list[FieldView]
    only_if: ConditionView
    steps: list[StepView]

    def pairs(self) -> Iterator[Pair]:
        """Return names and values as a browser would send them."""
        trigger = self.tree.get("trigger") or {}
        yield "name", str(self.tree.get("name", ""))
        yield from self.description.pairs()
        yield "order", str(self.tree.get("order") or "per_record")
        yield "trigger/key", str(trigger.get("key", ""))
        yield "trigger/connection", str(trigger.get("connection", ""))
        yield "trigger/own_changes", str(trigger.get("own_changes") or "ignore")
        for view in self.trigger_fields:
            yield from view.pairs()
        yield from self.only_if.pairs()
        for step in self.steps:
            yield from step.pairs()

    @property
    def description(self) -> LeafView:
        return _plain_leaf("description", self.tree.get("description"))

    def leaves(self) -> Iterator[LeafView]:
        for step in self.steps:
            for view in step.fields:
                yield from view.leaves()


def view_recipe(tree: Mapping[str, Any], registry: Registry) -> RecipeForm:
    """Return the form of a recipe's tree, which may be unfinished."""
    trigger_part = tree.get("trigger") or {}
    trigger = registry.triggers.get(str(trigger_part.get("key", "")))
    return RecipeForm(
        dict(tree),
        trigger,
        view_fields(
            trigger.Fields if trigger else None,
            trigger_part.get("fields") or {},
            {},
            "trigger/fields",
            "trigger.fields",
            policies=False,
        ),
        view_condition(tree.get("only_if"), "only_if", "only_if"),
        [_view_step(index, part, registry) for index, part in enumerate(tree.get("steps") or [])],
    )


def _view_step(index: int, part: Tree, registry: Registry) -> StepView:
    view = StepView(index, part, registry.actions.get(str(part.get("action", ""))))
    missing = part.get("missing") or {}
    table = view.action.Fields if view.action else None
    view.fields = view_fields(
        table, part.get("fields") or {}, missing, joined(view.name, "fields"), f"{view.path}.fields"
    )
    view.only_if = view_condition(part.get("only_if"), joined(view.name, "only_if"), f"{view.path}.only_if")
    view.for_each = _plain_leaf(joined(view.name, "for_each"), part.get("for_each"))
    shown = {leaf.path for one in view.fields for leaf in one.leaves() if leaf.policy}
    view.kept_missing = {path: policy for path, policy in missing.items() if path not in shown}
    return view


def _plain_leaf(name: str, value: Any) -> LeafView:
    if value in (None, ""):
        return LeafView(name, name, has_policy=False)
    return LeafView(name, name, *leaf_text.as_text(value), has_policy=False)


# -- reading --------------------------------------------------------------------------------------


def read_recipe(form: Mapping[str, str], base: Mapping[str, Any]) -> Tree:
    """Return the recipe that the form means; what no input holds stays as it is in `base`."""
    tree: Tree = {"name": form.get("name", "").strip() or str(base.get("name", ""))}
    description = _read_leaf(form, "description")
    if description:
        tree["description"] = description
    tree["enabled"] = base.get("enabled", True)
    tree["trigger"] = _read_trigger(form)
    condition = read_condition(form, "only_if")
    if condition is not None:
        tree["only_if"] = condition
    tree["order"] = "none" if form.get("order") == "none" else "per_record"
    names: set[str] = set()
    tree["steps"] = [_read_step(form, joined("steps", index), names) for index in indexes(form, "steps")]
    for key in ("samples", "tests"):
        tree[key] = base.get(key) or []
    return tree


def _read_trigger(form: Mapping[str, str]) -> Tree:
    part: Tree = {"key": form.get("trigger/key", "")}
    if form.get("trigger/connection"):
        part["connection"] = form["trigger/connection"]
    fields, _ = read_fields(form, "trigger/fields")
    if fields:
        part["fields"] = fields
    if form.get("trigger/own_changes") == "allow":
        part["own_changes"] = "allow"
    return part


def _read_step(form: Mapping[str, str], name: str, names: set[str]) -> Tree:
    part: Tree = {
        "name": _step_name(form.get(f"{name}/name", ""), names),
        "action": form.get(f"{name}/action", ""),
    }
    if form.get(f"{name}/connection"):
        part["connection"] = form[f"{name}/connection"]
    part["fields"], missing = read_fields(form, f"{name}/fields")
    kept = leaf_text.read_json(form.get(f"{name}/kept", ""))
    missing = {**(kept if isinstance(kept, dict) else {}), **missing}
    if missing:
        part["missing"] = missing
    condition = read_condition(form, f"{name}/only_if")
    if condition is not None:
        part["only_if"] = condition
    for_each = _read_leaf(form, f"{name}/for_each")
    if for_each:
        part["for_each"] = for_each
    if form.get(f"{name}/wait", "").strip():
        part["wait"] = _wait(form[f"{name}/wait"])
    if form.get(f"{name}/on_error") == "continue":
        part["on_error"] = "continue"
    return part


def _read_leaf(form: Mapping[str, str], name: str) -> Any:
    return leaf_text.from_text(form.get(name, ""), form.get(f"{name}~", leaf_text.TEXT))


def _step_name(given: str, taken: set[str]) -> str:
    """Return a name that templates can read as `steps.<name>`, different from those before it."""
    base = _NOT_IN_A_NAME.sub("_", given.strip()).strip("_") if not given.isidentifier() else given
    base = (f"step_{base}" if not base or base[0].isdigit() else base)[:64]
    name, number = base, 2
    while name in taken:
        name, number = f"{base[:60]}_{number}", number + 1
    taken.add(name)
    return name


def _wait(given: str) -> str:
    """Return `10m` for what people write as `10 min`; what is no time stays, for its mistake to be shown."""
    found = _WAIT_WORDS.fullmatch(given)
    if re.fullmatch(r"\s*\d+(?:\.\d+)?\s*[smhdw]\s*", given) or not found:
        return given
    return found[1].replace(",", ".") + found[2].lower()


def without_unbegun(tree: Mapping[str, Any]) -> Tree:
    """Return the recipe without rows that were added and left blank; they are no mistakes."""
    clean = dict(tree)
    _tidy_condition(clean)
    steps = []
    for part in clean.get("steps") or []:
        step = dict(part)
        _tidy_condition(step)
        step["fields"] = {
            key: _without_blank_rows(value) for key, value in (step.get("fields") or {}).items()
        }
        steps.append(step)
    clean["steps"] = steps
    return clean


def _tidy_condition(part: Tree) -> None:
    if "only_if" in part:
        condition = without_blanks(part.pop("only_if"))
        if condition is not None:
            part["only_if"] = condition


def _without_blank_rows(value: Any) -> Any:
    if isinstance(value, dict) and value.get("") == "":
        return {key: inner for key, inner in value.items() if key != ""}
    return value
