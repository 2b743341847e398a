"""The reference page: everything that is registered, found by its words, safe with any text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.registry import Registry
from automations.engine.templating.filters import FILTERS
from automations.settings import Settings
from automations.web.reference import marked
from tests.docs.visitor import Visitor


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    settings = Settings(instance=tmp_path_factory.mktemp("instance"))
    assembly = Assembly.make(settings, registry=Registry.discover(entry_points=False))
    yield Visitor(assembly)
    assembly.close()


def test_every_action_trigger_and_filter_has_its_place(visitor: Visitor) -> None:
    page = visitor.get("/reference")
    found = Registry.discover(entry_points=False)
    for key in (*found.actions, *found.triggers):
        assert f'id="{key}"' in page
    for kind in found.kinds:
        assert f'id="connection.{kind}"' in page
    for name, doc in FILTERS.items():
        assert doc.alias_of or f'id="filter.{name}"' in page


def test_search_keeps_what_has_every_word(visitor: Visitor) -> None:
    page = visitor.get("/reference", q="STAGE moved")
    assert 'id="pipedrive.deal_stage_changed"' in page
    assert 'id="clevertap.upload_profile"' not in page


def test_search_without_a_result_says_how_to_go_on(visitor: Visitor) -> None:
    page = visitor.get("/reference", q="<b>nothing like this")
    assert "Nothing has all of these words" in page
    assert "<b>nothing" not in page


def test_what_could_not_be_loaded_is_told(tmp_path: Path) -> None:
    extra = tmp_path / "actions"
    extra.mkdir()
    (extra / "broken.py").write_text("raise RuntimeError('no such product')\n")
    instance = tmp_path / "instance"
    instance.mkdir()
    assembly = Assembly.make(Settings(instance=instance), extra_connectors=[extra])
    try:
        page = Visitor(assembly).get("/reference")
    finally:
        assembly.close()
    assert "A connector could not be loaded" in page
    assert "no such product" in page


def test_visitors_who_are_not_signed_in_do_not_see_it(tmp_path: Path) -> None:
    from automations.web.app import create_app

    assembly = Assembly.make(Settings(instance=tmp_path))
    try:
        answer = create_app(assembly).test_client().get("/reference")
    finally:
        assembly.close()
    assert answer.status_code == 302
    assert "/sign-in" in answer.headers["Location"]


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("Such as `id`.", "Such as <code>id</code>."),
        ("Press *Test*.", "Press <em>Test</em>."),
        ("`<b>` & 2 * 3", "<code>&lt;b&gt;</code> &amp; 2 * 3"),
        ("an open ` mark", "an open ` mark"),
    ],
)
def test_marked_text_becomes_markup_and_the_rest_is_escaped(text: str, markup: str) -> None:
    assert marked(text) == markup
