"""The test-run beside the builder: what would happen, the exact requests, and what was not sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request

from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import DoorMode, JsonObject
from automations.errors import AutomationError, RecipeProblems
from automations.model.states import Role
from automations.web.auth import may, requires
from automations.web.builder import form_page
from automations.web.builder_page import BuilderPage
from automations.web.builder_problems import Problem, compile_draft, located, places
from automations.web.services import services

blueprint = Blueprint("testing", __name__)
WHAT_LEFT = {
    DoorMode.OFFLINE: "Nothing left this machine.",
    DoorMode.LOOKUPS: "Only look-ups left this machine; nothing was changed.",
    DoorMode.LIVE: "This was sent for real.",
}


@dataclass
class TestAnswer:
    """What the panel shows. anchors: step name -> input of its error, problems: why it could not begin."""

    __test__ = False

    mode: DoorMode
    result: JsonObject | None = None
    problems: list[Problem] | None = None
    anchors: dict[str, str] | None = None
    told: str = ""
    checked_only: bool = False

    @property
    def what_left(self) -> str:
        if self.checked_only and self.mode is DoorMode.LIVE:
            return "Targets that can were asked to check; nothing was stored."
        return WHAT_LEFT[self.mode]


@blueprint.post("/<int:recipe_id>/test")
@requires(Role.EDITOR)
def test(recipe_id: int) -> str:
    """Run what the form holds on the sample. A live run asks first and needs a publisher."""
    page = form_page(recipe_id)
    mode = _mode(request.form.get("mode", ""))
    if page.occurrence is None:
        return _shown(
            page, TestAnswer(mode, told="Choose a trigger first; then there is a sample to test with.")
        )
    try:
        compiled = compile_draft(page.tree, services().recipes)
    except RecipeProblems as error:
        return _shown(page, TestAnswer(mode, problems=located(page.form, error.problems)))
    if mode is DoorMode.LIVE:
        if not may(Role.PUBLISHER):
            told = "Sending for real needs the role publisher. Test offline or with look-ups."
            return _shown(page, TestAnswer(mode, told=told))
        if request.form.get("confirm") != "1":
            return _ask(page, compiled)
    validate = request.form.get("validate") == "1"
    try:
        result = services().test_runs.run(compiled, page.occurrence, mode, validate=validate)
    except AutomationError as error:
        return _shown(page, TestAnswer(mode, told=error.message))
    anchors = _anchors(page, result)
    return _shown(page, TestAnswer(mode, result=result, anchors=anchors, checked_only=validate))


def _mode(word: str) -> DoorMode:
    try:
        return DoorMode(word)
    except ValueError:
        return DoorMode.OFFLINE


def _shown(page: BuilderPage, answer: TestAnswer) -> str:
    return render_template("recipes/_test.html", page=page, answer=answer)


def _ask(page: BuilderPage, compiled: CompiledRecipe) -> str:
    """Say what would be sent where, found out without sending anything."""
    assert page.occurrence is not None
    trial = services().test_runs.run(compiled, page.occurrence, DoorMode.OFFLINE)
    connections = {step.name: step.part.connection for step in compiled.steps}
    return render_template("recipes/_live.html", page=page, trial=trial, connections=connections)


def _anchors(page: BuilderPage, result: JsonObject) -> dict[str, str]:
    """Return for each step that failed the input that its error is about."""
    known = dict(places(page.form))
    found = {}
    for step in result["steps"]:
        error: dict[str, Any] | None = step["error"]
        if not error:
            continue
        index = next((s.index for s in page.form.steps if s.part.get("name") == step["name"]), None)
        if index is not None:
            paths = (f"steps[{index}].fields.{error['field']}", f"steps[{index}]")
            found[step["name"]] = next(known[path][0] for path in paths if path in known)
    return found
