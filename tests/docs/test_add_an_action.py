"""`docs/add-an-action.md`, followed to the letter: its file, its test, its recipe, its package."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import DoorMode
from automations.engine.definition import read_definition
from automations.engine.registry import ENTRY_POINT_GROUP, Registry
from automations.errors import RecipeProblems
from automations.settings import Settings
from tests.docs.markdown import DOCS, ROOT, blocks
from tests.docs.visitor import Visitor
from tests.test_layers import (
    imports_across_the_sandbox_fence,
    imports_between_connectors,
    imports_that_point_up,
)

PAGE = DOCS / "add-an-action.md"
ACTION, TEST = (block.text for block in blocks(PAGE, "python"))
(COMMAND,) = (block.text.strip() for block in blocks(PAGE, "sh"))
(RECIPE,) = (block.text for block in blocks(PAGE, "yaml"))
(SAID,) = (block.text.strip() for block in blocks(PAGE, "text"))
(PROJECT,) = (tomllib.loads(block.text) for block in blocks(PAGE, "toml"))
LAYER_RULES = (imports_that_point_up, imports_between_connectors, imports_across_the_sandbox_fence)
KEY = "pipedrive.add_task"
ACTION_PATH = "automations/connectors/pipedrive/actions/add_task.py"
TEST_PATH = "tests/connectors/pipedrive/actions/test_add_task.py"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Assembly]:
    """An installation that found the action, with the connection that the recipe names."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "add_task.py").write_text(ACTION, encoding="utf-8")
    instance = tmp_path / "instance"
    instance.mkdir()
    assembly = Assembly.make(Settings(instance=instance), extra_connectors=[folder])
    assembly.connections.save(
        "pipedrive", "acme-pipedrive", {"domain": "acme", "api_token": "token-of-a-test"}
    )
    yield assembly
    assembly.close()


def offline_run(house: Assembly, source: str) -> dict:
    recipe = house.recipes.compile(read_definition(source), file="")
    return house.test_runs.run(recipe, recipe.trigger.sample, DoorMode.OFFLINE)


@pytest.mark.timeout(300)
def test_file_and_test_are_all_it_takes(tmp_path: Path) -> None:
    """In a copy of the project, with the two files put where the page says, its command passes."""
    for part in ("automations", "templates", "static", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for place, text in ((ACTION_PATH, ACTION), (TEST_PATH, TEST)):
        assert f"`{place}`" in PAGE.read_text(encoding="utf-8")
        (tmp_path / place).write_text(text, encoding="utf-8")
    program, *words = COMMAND.split()
    assert program == ".venv/bin/python"
    ran = subprocess.run(
        [sys.executable, *words, "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no tests ran" not in ran.stdout
    assert not [breach for rule in LAYER_RULES for breach in rule(tmp_path) if "add_task" in breach]


def test_the_reference_page_shows_it(house: Assembly) -> None:
    page = Visitor(house).get("/reference", q="add_task")
    assert f'id="{KEY}"' in page
    assert "Every run adds one; an existing task is never looked for." in page
    assert "due_in_days" in page


def test_the_builder_offers_it_with_its_form(house: Assembly) -> None:
    visitor = Visitor(house)
    page = visitor.post("/recipes/new", op="trigger:pipedrive.deal_created")
    assert "<strong>Add a task</strong>" in page
    path = f"/recipes/{house.recipes.all()[0].recipe.id}"
    page = visitor.press(page, "builder", f"{path}/edit", ("op", f"add-step:{KEY}"))
    for title, help_text in (
        ("Subject", "What is to be done."),
        ("Deal", "Its id."),
        ("Due in days", "0 is today."),
    ):
        assert title in page
        assert help_text in page
    (step,) = house.recipes.all()[0].latest.definition["steps"]
    assert (step["action"], step["connection"]) == (KEY, "acme-pipedrive")
    assert step["fields"]["subject"] == "Call about {{ deal.title }}"


def test_the_builder_shows_a_mistake_at_its_field(house: Assembly) -> None:
    wrong = RECIPE.replace("due_in_days: 2", "due_in_days: soon")
    (view,) = house.recipes.apply([("", read_definition(wrong))], draft=True)
    page = Visitor(house).get(f"/recipes/{view.recipe.id}")
    line = page[page.index('data-line="steps/0/fields/due_in_days"') :].split("</p>")[0]
    assert 'data-state="error"' in line
    assert "whole number" in line


def test_its_recipe_shows_the_exact_request(house: Assembly) -> None:
    answer = offline_run(house, RECIPE)
    assert answer["outcome"] == "ok", answer
    (request,) = answer["steps"][0]["requests"]
    assert (request["method"], request["url"]) == ("POST", "https://acme.pipedrive.com/api/v2/activities")
    sample = house.registry.triggers["pipedrive.deal_created"].sample.record
    assert request["body"]["subject"] == f"Call about {sample['title']}"
    assert request["body"]["deal_id"] == sample["id"]


def test_a_value_out_of_bounds_is_said_in_the_page_s_words(house: Assembly) -> None:
    answer = offline_run(house, RECIPE.replace("due_in_days: 2", "due_in_days: 400"))
    assert answer["outcome"] == "error"
    error = answer["steps"][0]["error"]
    assert (error["kind"], error["field"], error["message"]) == ("fields", "due_in_days", SAID)


def test_a_value_of_another_type_is_said_too(house: Assembly) -> None:
    answer = offline_run(house, RECIPE.replace("due_in_days: 2", "due_in_days: soon"))
    assert "is not a whole number" in answer["steps"][0]["error"]["message"]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("due_in_days", "due_in_day", "Did you mean 'due_in_days'?"),
        ('      subject: "Call about {{ deal.title }}"\n', "", "Subject is required"),
        (KEY, "pipedrive.add_tasks", f"Did you mean '{KEY}'?"),
    ],
)
def test_mistakes_are_refused_when_the_recipe_is_saved(
    house: Assembly, right: str, wrong: str, told: str
) -> None:
    assert right in RECIPE
    with pytest.raises(RecipeProblems) as caught:
        house.recipes.apply([("recipe.yaml", read_definition(RECIPE.replace(right, wrong)))])
    assert told in str(caught.value)


def test_a_package_brings_it_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = PROJECT["project"]["entry-points"][ENTRY_POINT_GROUP]
    name, version = PROJECT["project"]["name"], PROJECT["project"]["version"]
    (tmp_path / "acme_tasks.py").write_text(ACTION, encoding="utf-8")
    about = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{ENTRY_POINT_GROUP}]", *(f"{point} = {module}" for point, module in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    registry = Registry.discover()
    monkeypatch.delitem(sys.modules, "acme_tasks")
    assert registry.actions[KEY].title == "Add a task"
    assert not [problem for problem in registry.problems if "acme" in problem.message]


def test_a_class_that_cannot_be_used_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "add_task.py").write_text(ACTION.replace(KEY, "pipedrive.upsert_note"), encoding="utf-8")
    registry = Registry.discover(entry_points=False, extra_paths=[tmp_path])
    (problem,) = [problem for problem in registry.problems if problem.module.endswith("_add_task")]
    assert "already taken" in problem.message
    assert "pipedrive.upsert_person" in registry.actions
