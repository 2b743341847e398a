"""What is wrong with a draft, each mistake at the input that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automations.engine.compiled import CompiledRecipe
from automations.engine.definition import parse_definition
from automations.engine.recipes import Recipes
from automations.errors import RecipeError, RecipeProblems
from automations.web.builder_form import RecipeForm, StepView, without_unbegun

NAMELESS = "This property has no name. Give it one, or remove it."


@dataclass(frozen=True)
class Problem:
    """place: name of the input it belongs to, empty for the whole recipe. where: the same in words."""

    place: str
    where: str
    message: str


def compile_draft(tree: Mapping[str, Any], recipes: Recipes) -> CompiledRecipe:
    """Return the draft ready to run. Raises RecipeProblems."""
    nameless = list(_nameless(tree))
    if nameless:
        raise RecipeProblems(nameless)
    try:
        return recipes.compile(parse_definition(without_unbegun(tree)))
    except RecipeProblems:
        raise
    except RecipeError as error:
        raise RecipeProblems([error]) from error


def _nameless(tree: Mapping[str, Any]) -> Iterator[RecipeError]:
    for index, step in enumerate(tree.get("steps") or []):
        for key, value in (step.get("fields") or {}).items():
            if isinstance(value, dict) and value.get("") not in (None, ""):
                yield RecipeError(NAMELESS, path=f"steps[{index}].fields.{key}.")


def problems_of(form: RecipeForm, recipes: Recipes) -> list[Problem]:
    """Return everything that keeps this draft from being published."""
    try:
        compile_draft(form.tree, recipes)
    except RecipeProblems as error:
        return located(form, error.problems)
    return []


def located(form: RecipeForm, errors: list[RecipeError]) -> list[Problem]:
    known = dict(places(form))
    found = []
    for error in errors:
        path = _longest(error.path, known)
        place, where = known.get(path, ("", ""))
        found.append(Problem(place, where, error.message))
    return found


def _longest(path: str, known: Mapping[str, Any]) -> str:
    """Return the longest known beginning of a path that ends where a part of it ends."""
    while path and path not in known:
        path = path[: max(path.rfind("."), path.rfind("["))] if "." in path or "[" in path else ""
    return path


def places(form: RecipeForm) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield every path that a mistake can name, with the input that shows it and its name for people."""
    yield "name", ("name", "Name")
    yield "description", ("description", "Description")
    yield "trigger", ("trigger/key", "When")
    yield "trigger.key", ("trigger/key", "When")
    yield "trigger.connection", ("trigger/connection", "When › Connection")
    for view in form.trigger_fields:
        yield view.path, (view.name, f"When › {view.title}")
    for node in form.only_if.walk():
        yield node.path, (node.name, "Only if")
    for step in form.steps:
        yield from _step_places(step)


def _step_places(step: StepView) -> Iterator[tuple[str, tuple[str, str]]]:
    title = str(step.part.get("name") or f"Step {step.index + 1}")
    yield step.path, (f"{step.name}/name", title)
    for key in ("name", "action", "connection", "wait", "for_each"):
        yield f"{step.path}.{key}", (f"{step.name}/{key}", f"{title} › {key.replace('_', ' ')}")
    for node in step.only_if.walk():
        yield node.path, (node.name, f"{title} › Only if")
    for view in step.fields:
        yield view.path, (view.name, f"{title} › {view.title}")
        yield f"{step.path}.missing.{view.key}", (view.name, f"{title} › {view.title}")
        for row in view.rows:
            where = f"{title} › {view.title} › {row.key or 'without a name'}"
            yield f"{view.path}.{row.key}", (row.value.name, where)
        for index, item in enumerate(view.items):
            yield f"{view.path}[{index}]", (item.name, f"{title} › {view.title} › no. {index + 1}")
