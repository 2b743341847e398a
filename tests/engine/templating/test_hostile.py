from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from automations.engine.renderer import RenderPool
from automations.engine.templating.limits import MAX_VALUE_BYTES
from tests.engine.templating.hostile import ESCAPES, EXHAUSTING, hostile_context

ALL = ESCAPES + EXHAUSTING
BETRAYALS = (
    "<class",
    "<function",
    "<bound",
    "<module",
    "<generator",
    " object at 0x",
    "root:x:",
    "Traceback",
)
STOPPED = ("took longer than", "needs too much memory or time", "stopped at an earlier value")


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(size=1) as pool:
        yield pool


@pytest.fixture(scope="module")
def results(pool: RenderPool) -> dict[str, Any]:
    """Every hostile template rendered, each within one second or it counts as stopped from outside."""
    return dict(zip(ALL, pool.preview(list(ALL), hostile_context(), timeout_s=1.0), strict=True))


def test_the_corpus_is_large() -> None:
    assert len(set(ESCAPES)) >= 150
    assert len(set(EXHAUSTING)) >= 150


@pytest.mark.parametrize("index", range(len(ALL)))
def test_hostile_template_ends_by_itself_and_gives_nothing_away(index: int, results: dict[str, Any]) -> None:
    result = results[ALL[index]]
    text = json.dumps(result, ensure_ascii=False)
    assert not any(betrayal in text for betrayal in BETRAYALS), text[:500]
    if "error" in result:
        message = result["error"]["message"]
        assert not any(stopped in message for stopped in STOPPED), message
        assert 10 < len(message) < 600
    elif "value" in result:
        assert len(text.encode()) <= 2 * MAX_VALUE_BYTES


def test_no_escape_gives_more_than_what_the_context_holds(results: dict[str, Any]) -> None:
    values = [results[template].get("value") for template in ESCAPES]
    harmless = {None, 0, 1, "", "1", "{{ big }}", "}}", "# line\n## statement\n1"}
    assert [value for value in values if not isinstance(value, list) and value not in harmless] == []
    assert [value for value in values if isinstance(value, list) and value not in ([], [""], [None])] == []


def test_checking_a_hostile_template_ends_too(pool: RenderPool) -> None:
    for template in ALL:
        problems = pool.check(template)
        assert not any("took longer" in problem.message for problem in problems), template[:80]


@pytest.mark.parametrize("template", ["{{ ''.__class__ }}", "{% include 'x' %}", "{{ self }}", "{{ _x }}"])
def test_forbidden_construct_is_named_when_the_recipe_is_saved(template: str, pool: RenderPool) -> None:
    (problem,) = pool.check(template)
    assert problem.line == 1
    assert problem.construct in ("__class__", "include", "self", "_x")
