"""The source as the engine sees it: its settings, its snippets, and what templates read of a message."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.connectors.segment.connection import SegmentConnection
from automations.connectors.segment.samples import sample
from automations.connectors.segment.settings import SegmentSettings
from automations.engine.definition import parse_definition
from automations.errors import InputError, RecipeProblems
from automations.settings import Settings


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    found = Assembly.make(Settings(instance=tmp_path))
    found.connections.save("segment", "app", {})
    yield found
    found.close()


def recipe(only_if: str = "{{ traits.email }}", **values: str) -> Any:
    return parse_definition(
        {
            "name": "r",
            "trigger": {"key": "segment.track", "connection": "app", "fields": {"event": "Demo Requested"}},
            "only_if": {"all": [{"left": only_if, "op": "exists"}]},
            "steps": [{"name": "values", "action": "engine.set", "fields": {"values": values}}],
        }
    )


def test_templates_read_the_message_by_its_parts(assembly: Assembly) -> None:
    compiled = assembly.recipes.compile(
        recipe(
            email="{{ traits.email }}",
            seats="{{ properties.seats }}",
            who="{{ userId }}",
            event="{{ track.event }}",
        )
    )
    answer = assembly.test_runs.run(compiled, sample("track"))
    assert answer["outcome"] == "ok", answer
    assert answer["steps"][0]["fields"]["values"] == {
        "email": "ines@fabrik.example", "seats": 12, "who": "cust-88", "event": "Demo Requested",
    }  # fmt: skip
    shown = assembly.previews.context(sample("track"), trigger="segment.track", connection="app")
    assert shown["properties"]["seats"] == 12
    assert shown["event"]["trigger"] == "segment.track"


def test_names_of_a_message_are_unknown_to_other_triggers(assembly: Assembly) -> None:
    assembly.connections.save("webhook", "form", {})
    tree = recipe().model_dump(mode="json", exclude_none=True)
    tree["trigger"] = {"key": "webhook.received", "connection": "form"}
    with pytest.raises(RecipeProblems) as caught:
        assembly.recipes.compile(parse_definition(tree))
    assert "'traits' is not known" in caught.value.message


def test_real_runs_read_the_same_names(assembly: Assembly) -> None:
    assembly.recipes.apply([("", recipe(email="{{ traits.email }}"))])
    row = assembly.connections.get("app")
    kind = SegmentConnection()
    assembly.intake.accept(row.id or 0, kind.receive(kind.example_request()))
    assembly.runner("test/1/a").work_until_idle()
    (line,) = assembly.history.runs()
    assert (str(line.run.status), line.run.record_key) == ("succeeded", "user:cust-88")


def test_write_key_is_made_and_can_be_given(assembly: Assembly) -> None:
    row = assembly.connections.get("app")
    made = assembly.connections.open(row.id or 0).write_key
    assert len(made) > 20
    assert made not in str(assembly.connections.shown(row))
    given = assembly.connections.save("segment", "mobile", {"write_key": "wk_4f0c"})
    assert assembly.connections.open(given.id or 0).write_key == "wk_4f0c"


def test_origins_are_a_comma_list() -> None:
    settings = SegmentSettings.model_validate(
        {"allowed_origins": "https://Shop.example/, http://127.0.0.1:3000,"}
    )
    assert SegmentConnection().origins(settings) == {"https://shop.example", "http://127.0.0.1:3000"}
    assert SegmentConnection().origins(SegmentSettings()) == frozenset()


def test_what_is_no_origin_is_refused(assembly: Assembly) -> None:
    with pytest.raises(InputError) as caught:
        assembly.connections.save("segment", "app", {"allowed_origins": "shop.example"})
    assert "write it like https://shop.example" in caught.value.message


def test_snippets_have_the_address_and_the_key() -> None:
    found = SegmentConnection().snippets("https://hooks.fabrik.example/", "wk_4f0c")
    assert len(found) == 7
    for snippet in found:
        assert "wk_4f0c" in snippet.code
        assert "hooks.fabrik.example" in snippet.code
        assert "example//" not in snippet.code
        if snippet.title.startswith("Python"):
            ast.parse(snippet.code)
