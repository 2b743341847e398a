"""What the builder says beneath every field while somebody types: its value on the sample, or its mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automations.engine.context import with_item
from automations.engine.contracts import Action, ActionFields, DoorMode, JsonObject, Occurrence
from automations.engine.templating import Template, compile_value, explain_missing
from automations.errors import AutomationError, MappingError, RecipeProblems
from automations.web import leaf_text
from automations.web.builder_conditions import ConditionView, read_condition, without_blanks
from automations.web.builder_form import RecipeForm, StepView
from automations.web.builder_problems import compile_draft, problems_of
from automations.web.field_views import LeafView
from automations.web.path_words import short, words_for
from automations.web.sample_tree import path_id
from automations.web.services import Services

SHOWN = 160


class _AnyAction(Action):
    """Stands in where a step's action is not installed, so that its templates can still be shown."""

    key = "any"
    Fields = ActionFields


ANY_ACTION = _AnyAction()


@dataclass(frozen=True)
class Line:
    """What stands beneath one input. state: `value`, `left_out`, `null`, `default`, `error` or `blank`."""

    state: str
    text: str = ""
    type: str = ""

    def as_json(self) -> JsonObject:
        return {"state": self.state, "text": self.text, "type": self.type}


class Preview:
    """One recipe on one sample. context: what templates read. steps: expected outcomes of earlier steps."""

    def __init__(self, form: RecipeForm, occurrence: Occurrence, given: Services) -> None:
        self.form = form
        self.occurrence = occurrence
        self._given = given
        trigger = form.tree.get("trigger") or {}
        self._envelope = {
            "trigger": str(trigger.get("key", "")),
            "connection": str(trigger.get("connection", "")),
        }
        self.steps = self._outcomes()
        self.context = given.previews.context(occurrence, steps=self.steps, **self._envelope)

    def _outcomes(self) -> dict[str, JsonObject]:
        """Return each step's outcome from an offline test-run, or its outputs' names where that is not to be had."""
        expected = {
            str(step.part.get("name")): {
                "status": "succeeded",
                **dict.fromkeys(
                    key for key in (step.action.outputs if step.action else ()) if key.isidentifier()
                ),
            }
            for step in self.form.steps
        }
        for name, outputs in self._tried().items():
            if name in expected:
                expected[name].update(outputs)
        return expected

    def _tried(self) -> dict[str, JsonObject]:
        """Return what a test-run of the steps that have no mistakes gives."""
        if len(self.form.steps) < 2 and not _reads_steps(self.form.tree):
            return {}
        tree = {**self.form.tree, "only_if": None}
        for _ in range(2):
            try:
                compiled = compile_draft(tree, self._given.recipes)
                answer = self._given.test_runs.run(compiled, self.occurrence, DoorMode.OFFLINE)
            except RecipeProblems as error:
                wrong = tuple(problem.path.partition(".")[0] for problem in error.problems)
                steps = enumerate(tree.get("steps") or [])
                tree = {**tree, "steps": [step for place, step in steps if f"steps[{place}]" not in wrong]}
            except AutomationError:
                break
            else:
                return {
                    s["name"]: {"status": s["status"], **s["outputs"]}
                    for s in answer["steps"]
                    if not s["error"]
                }
        return {}

    def lines(self) -> dict[str, Line]:
        """Return one line for every input that holds a value or template, by the input's name."""
        lines: dict[str, Line] = {}
        for step in self.form.steps:
            context = self._context_of(step, lines)
            for view in step.fields:
                for leaf in view.leaves():
                    lines[leaf.name] = Line("blank")
            results = self._given.previews.fields(
                step.action or ANY_ACTION,
                step.part.get("fields") or {},
                step.part.get("missing") or {},
                context,
            )
            for view in step.fields:
                for leaf in view.leaves():
                    lines[leaf.name] = _line_of(leaf, results, context)
        return lines

    def _context_of(self, step: StepView, lines: dict[str, Line]) -> Mapping[str, Any]:
        """Return what this step's templates read: in a loop, the first of its items too."""
        source = step.part.get("for_each")
        if not source:
            return self.context
        text = source if "{{" in source else "{{ " + source + " }}"
        found = self.value(text)
        items = found["value"]
        if found["state"] != "value" or not isinstance(items, list):
            message = found["message"] or "This is no list; the step would run for one item."
            lines[step.for_each.name] = Line("error" if found["state"] == "error" else "left_out", message)
            return with_item(self.context, items if found["state"] == "value" else None, 0, 1)
        lines[step.for_each.name] = Line("value", f"{len(items)} times on this sample", "list")
        return with_item(self.context, items[0] if items else None, 0, max(1, len(items)))

    def value(self, source: str) -> JsonObject:
        """Return what one template comes to: `{state, value, type, message}`."""
        return self.values([source])[0]

    def values(self, sources: list[str]) -> list[JsonObject]:
        tree = {str(place): source for place, source in enumerate(sources)}
        found = self._given.previews.fields(ANY_ACTION, tree, {}, self.context)
        return [found[str(place)] for place in range(len(sources))]

    def conditions(self) -> dict[str, JsonObject]:
        """Return by the name of each row whether it holds, the value seen, and by each root what follows."""
        found: dict[str, JsonObject] = {}
        for root in (self.form.only_if, *(step.only_if for step in self.form.steps)):
            for node in root.walk():
                if node.type != "group":
                    found[node.name] = self._row(node)
            found[root.name] = self._verdict(root)
        return found

    def _row(self, node: ConditionView) -> JsonObject:
        tree = _row_tree(node)
        if tree is None:
            return {"passed": None, "seen": "", "sentence": ""}
        answer = self._given.previews.conditions(tree, self.context)
        if answer["error"] or not answer["lines"]:
            return {"passed": None, "seen": "", "sentence": answer["error"], "error": True}
        line = answer["lines"][0]
        return {"passed": line["passed"], "seen": short(line["left"], 40), "sentence": line["sentence"]}

    def _verdict(self, root: ConditionView) -> JsonObject:
        whole = self.form.tree.get("only_if")
        if root is not self.form.only_if:
            step = next(one for one in self.form.steps if one.only_if is root)
            whole = step.part.get("only_if")
        tree = without_blanks(whole)
        if tree is None:
            return {"passed": True, "text": ""}
        answer = self._given.previews.conditions(tree, self.context)
        word = "passes on this sample" if answer["passed"] else "filtered on this sample"
        if root is not self.form.only_if:
            word = "runs on this sample" if answer["passed"] else "skipped on this sample"
        return {
            "passed": answer["passed"] if not answer["error"] else None,
            "text": "" if answer["error"] else word,
        }

    def as_json(self) -> JsonObject:
        """Return all of it, as the page's elements apply it."""
        return {
            "lines": {name: line.as_json() for name, line in self.lines().items()},
            "conditions": self.conditions(),
            "words": template_words(self.form),
            "problems": [
                {"place": one.place, "message": one.message}
                for one in problems_of(self.form, self._given.recipes)
            ],
        }


def _reads_steps(tree: Mapping[str, Any]) -> bool:
    return "steps." in str(tree.get("steps"))


def _row_tree(node: ConditionView) -> Any:
    """Return one row as a condition of its own; None for a row that nobody has begun."""
    tree = read_condition(dict(node.pairs()), node.name)
    return without_blanks(tree)


def _line_of(leaf: LeafView, results: Mapping[str, JsonObject], context: Mapping[str, Any]) -> Line:
    found = results.get(leaf.path)
    if found is not None:
        return _line(
            found, _why_absent(leaf.text, context) if found["value"] is None or found["message"] else ""
        )
    inside = [line for path, line in results.items() if path.startswith(f"{leaf.path}.")]
    wrong = next((line for line in inside if line["state"] == "error"), None)
    if wrong is not None:
        return _line(wrong, "")
    what = f"list of {len(inside)}" if leaf.kind == leaf_text.LIST else "named values"
    return Line("value", what, "") if inside else Line("blank")


def _line(found: JsonObject, absent: str) -> Line:
    """absent: which name of the template the sample does not have, as a sentence; empty when it has them all."""
    state, value = found["state"], found["value"]
    if isinstance(value, datetime):
        return Line(state, value.isoformat().replace("+00:00", "Z"), "time")
    if state in ("value", "default"):
        note = "the default, because it is empty here" if state == "default" else found["type"]
        return Line(state, short(value, SHOWN), note)
    if state == "left_out":
        return Line(state, f"left out: {absent}" if absent else "left out (empty here)")
    if state == "null":
        return Line(
            state, f"cleared, null is sent: {absent}" if absent else "cleared: null is sent (empty here)"
        )
    return Line("error", absent or found["message"])


def _why_absent(text: str, context: Mapping[str, Any]) -> str:
    """A field that is null in this sample is no mistake; a name that the sample has not got may be one."""
    if "{{" not in text:
        return ""
    try:
        compiled = compile_value(text)
    except MappingError:
        return ""
    why = explain_missing(compiled, context) if isinstance(compiled, Template) else ""
    return why if why.startswith("There is no ") else ""


def template_words(form: RecipeForm) -> dict[str, JsonObject]:
    """Return for every template input its words, tags and the ids of what it reads, by the input's name."""
    found = {}
    texts = [(leaf.name, leaf.text) for leaf in form.leaves()]
    texts += [(step.for_each.name, step.for_each.text) for step in form.steps]
    for root in (form.only_if, *(step.only_if for step in form.steps)):
        for node in root.walk():
            texts += [(f"{node.name}/left", node.left), (f"{node.name}/right", node.right)]
            texts.append((f"{node.name}/text", node.text))
    for name, text in texts:
        if text and "{{" in text:
            found[name] = words_json(text)
    return found


def words_json(text: str) -> JsonObject:
    words = words_for(text)
    return {
        "words": list(words.words) if words else [],
        "tags": list(words.tags) if words else [],
        "reads": sorted(path_id(path) for path in _paths(text)),
    }


def _paths(text: str) -> frozenset[tuple[str, ...]]:
    try:
        compiled = compile_value(text)
    except MappingError:
        return frozenset()
    return compiled.paths if isinstance(compiled, Template) else frozenset()
