"""Everything the builder's page shows, gathered once: the form, its truth on a sample, and what can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import session

from automations.engine.conditions import OPS, OpDoc
from automations.engine.contracts import Action, JsonObject, Occurrence, Trigger
from automations.engine.recipes import RecipeView
from automations.engine.samples import BUILT_IN, SampleChoice
from automations.errors import NotFoundError
from automations.model.connection import Connection
from automations.model.states import Role
from automations.web.auth import may
from automations.web.builder_form import RecipeForm, StepView, view_recipe
from automations.web.builder_preview import Line, Preview, template_words
from automations.web.builder_problems import Problem, problems_of
from automations.web.field_views import FieldView
from automations.web.recipe_words import changes
from automations.web.sample_tree import TreeNode, sample_tree
from automations.web.services import Services, services

SAMPLES_REMEMBERED = 8
SHOWN_AT_ONCE = 6


@dataclass
class BuilderPage:
    """One look at one recipe. removed: what the last removal took, as JSON text, for *Undo*."""

    view: RecipeView
    tree: JsonObject
    sample_ref: str = ""
    removed: str = ""
    removed_words: str = ""
    focus: str = ""
    told: str = ""

    @property
    def id(self) -> int:
        return self.view.recipe.id or 0

    @cached_property
    def given(self) -> Services:
        return services()

    @cached_property
    def form(self) -> RecipeForm:
        return view_recipe(self.tree, self.given.registry)

    @property
    def can_edit(self) -> bool:
        return may(Role.EDITOR)

    # -- what can be chosen

    @cached_property
    def connections(self) -> list[Connection]:
        return self.given.connections.all()

    def connections_of(self, part: type[Trigger] | Action | None) -> list[Connection]:
        if part is None or part.connection is None:
            return []
        return [row for row in self.connections if row.kind == part.connection.kind]

    @cached_property
    def trigger_groups(self) -> list[tuple[str, list[type[Trigger]]]]:
        groups: dict[str, list[type[Trigger]]] = {}
        for trigger in self.given.registry.triggers.values():
            groups.setdefault(trigger.connection.title, []).append(trigger)
        return sorted(groups.items())

    @cached_property
    def action_groups(self) -> list[tuple[str, list[Action]]]:
        groups: dict[str, list[Action]] = {}
        for action in self.given.registry.actions.values():
            groups.setdefault(action.connection.title if action.connection else "This app", []).append(action)
        return sorted(groups.items(), key=lambda group: (group[0] == "This app", group[0]))

    @property
    def ops(self) -> Mapping[str, OpDoc]:
        return OPS

    def entries(self, view: FieldView, connection: str) -> list[str]:
        """Return the names in the list of the account that a field offers; empty where it cannot be had."""
        row = next((row for row in self.connections if row.name == connection), None)
        if not view.directory or row is None or row.id is None:
            return []
        # An account that never answered is not asked while somebody waits for a page.
        has_answered = bool(row.test_report and row.test_report.get("ok"))
        known = self.given.connections.directory(row.id).get(view.directory) or []
        found = self.given.connections.offered(row.id, view.directory) if has_answered else known
        return [str(entry["name"]) for entry in found if entry.get("name")]

    # -- the sample

    @property
    def trigger_key(self) -> str:
        return self.form.trigger.key if self.form.trigger else ""

    @property
    def connection_id(self) -> int | None:
        name = str((self.tree.get("trigger") or {}).get("connection", ""))
        return next((row.id for row in self.connections if row.name == name), None)

    @cached_property
    def samples(self) -> list[SampleChoice]:
        if not self.trigger_key:
            return []
        return self.given.samples.choices(self.trigger_key, self.connection_id)

    @cached_property
    def sample(self) -> SampleChoice | None:
        wanted = self.sample_ref or remembered_sample(self.id)
        by_ref = {choice.ref: choice for choice in self.samples}
        return by_ref.get(wanted) or (self.samples[0] if self.samples else None)

    @cached_property
    def occurrence(self) -> Occurrence | None:
        if self.sample is None:
            return None
        try:
            return self.given.samples.get(self.sample.ref, self.trigger_key)
        except NotFoundError:
            return self.given.samples.get(BUILT_IN, self.trigger_key)

    @cached_property
    def preview(self) -> Preview | None:
        return Preview(self.form, self.occurrence, self.given) if self.occurrence is not None else None

    @cached_property
    def sample_nodes(self) -> list[TreeNode]:
        if self.preview is None or self.occurrence is None:
            return []
        context, related = self.preview.context, self.occurrence.related
        return sample_tree(context, self.occurrence.entity, related, self.preview.steps)

    # -- the truth on it

    @cached_property
    def lines(self) -> dict[str, Line]:
        return self.preview.lines() if self.preview else {}

    @cached_property
    def conditions(self) -> dict[str, JsonObject]:
        return self.preview.conditions() if self.preview else {}

    @cached_property
    def words(self) -> dict[str, JsonObject]:
        return template_words(self.form)

    @cached_property
    def problems(self) -> list[Problem]:
        return problems_of(self.form, self.given.recipes)

    def problem_at(self, place: str) -> str:
        """Return what is wrong with an input, unless the line of its value says so already."""
        line = self.lines.get(place)
        said = [problem.message for problem in self.problems if problem.place == place]
        return " ".join(message for message in said if line is None or line.text != message)

    def wrong_in(self, part: str) -> int:
        """Return how many mistakes a step has."""
        return sum(problem.place.startswith(f"{part}/") for problem in self.problems)

    @cached_property
    def changes(self) -> list[str]:
        if self.view.draft is None:
            return []
        published = self.view.published
        return changes(published.definition if published else None, self.tree, self.given.registry)

    def shown_fields(self, step: StepView) -> tuple[list[FieldView], list[FieldView]]:
        """Return the fields to show at once, and those behind *More fields*."""
        plain = [view for view in step.fields if not view.advanced]
        few = len(plain) <= SHOWN_AT_ONCE
        answered = {view.one_of for view in step.fields if view.mapped}
        at_once = [
            view
            for view in step.fields
            if view.mapped
            or view.required
            or (not view.advanced and (few if not view.one_of else view.one_of not in answered))
        ]
        return at_once, [view for view in step.fields if view not in at_once]


def page_of(view: RecipeView, **more: Any) -> BuilderPage:
    return BuilderPage(view, dict(view.latest.definition), **more)


def remembered_sample(recipe_id: int) -> str:
    return str((session.get("samples") or {}).get(str(recipe_id), ""))


def remember_sample(recipe_id: int, ref: str) -> None:
    kept = dict(session.get("samples") or {})
    kept.pop(str(recipe_id), None)
    kept[str(recipe_id)] = ref[:40]
    session["samples"] = dict(list(kept.items())[-SAMPLES_REMEMBERED:])
