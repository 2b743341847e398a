"""What holds for any data and any template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automations.engine.renderer import RenderPool
from automations.engine.templating import FILTERS, MISSING, TESTS, Template, check, compile_value, render
from automations.errors import MappingError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
numbers = st.integers(-(10**30) + 1, 10**30 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain_json = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)
EXPRESSION = compile_value("{{ x }}")
DEFAULTED = compile_value("{{ x | default(x) }}")
MIXED = compile_value("<{{ x }}>")


unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "<", ">=", "==", "in", "and", "or"]
ATOMS = ["x", "y", "x.a", "y[0]", "1", "2.5", "'t'", "none", "[1, 'a']", "{'k': x}", "loop.index", "range(9)"]


def refusal(work: Callable[[], Any]) -> str | None:
    """Return the message of the MappingError, None where the work gave JSON."""
    try:
        value = work()
    except MappingError as error:
        return error.message
    if not isinstance(value, Template):
        json.dumps(None if value is MISSING else value, allow_nan=False).encode()
    return None


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and json.dumps(left) == json.dumps(right)


@given(plain_json)
@unhurried
def test_any_json_value_passes_an_expression_unchanged(value: Any) -> None:
    assert same(render(EXPRESSION, {"x": value}), value)
    assert same(render(DEFAULTED, {"x": value}), value)


@given(plain_json)
@unhurried
def test_a_rendered_value_shares_nothing_with_the_event(value: Any) -> None:
    rendered = render(EXPRESSION, {"x": value})
    if isinstance(value, (list, dict)):
        assert rendered is not value


@given(texts)
@unhurried
def test_any_text_passes_a_mixed_template_unchanged(value: str) -> None:
    assert render(MIXED, {"x": value}) == f"<{value}>"


@given(st.text())
@unhurried
def test_no_text_leaves_with_half_a_character(value: str) -> None:
    render(EXPRESSION, {"x": value}).encode()
    render(MIXED, {"x": value}).encode()


@given(st.text(max_size=300))
@unhurried
def test_event_data_is_never_taken_for_a_template(value: str) -> None:
    data = "{{ 1 + 1 }}{% if x %}" + value
    assert "{{ 1 + 1 }}" in render(MIXED, {"x": data})


@given(st.text(alphabet="{}%#|.()[]'\"~+-*/<>=,: \nabx01_" + "\\", max_size=120))
@settings(unhurried, max_examples=300)
def test_any_source_compiles_or_is_refused_with_a_reason(source: str) -> None:
    message = refusal(lambda: compile_value(source))
    assert (message is None) == (check(source) == [])
    assert message is None or len(message) > 10


@given(plain_json, st.sampled_from(sorted(FILTERS)), st.lists(plain_json, max_size=2))
@settings(unhurried, max_examples=400)
def test_every_filter_takes_or_refuses_any_value(value: Any, name: str, arguments: list[Any]) -> None:
    context = {"x": value, **{f"a{index}": argument for index, argument in enumerate(arguments)}}
    written = ", ".join(f"a{index}" for index in range(len(arguments)))
    source = f"{{{{ x | {name}({written}) }}}}" if written else f"{{{{ x | {name} }}}}"
    if check(source):
        return
    message = refusal(lambda: render(compile_value(source), context))
    assert message is None or "cannot work with these values" not in message, source


def expressions() -> st.SearchStrategy[str]:
    filters = st.sampled_from(sorted(FILTERS))
    tests = st.sampled_from(sorted(name for name in TESTS if name.isalpha()))

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
            st.builds("({} | {})".format, inner, filters),
            st.builds("({} | {}({}))".format, inner, filters, inner),
            st.builds("({} is {})".format, inner, tests),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("{}[{}:]".format, inner, inner),
        )

    return st.recursive(st.sampled_from(ATOMS), larger, max_leaves=12)


def statements() -> st.SearchStrategy[str]:
    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("{{% for x in {} %}}{}{{% endfor %}}".format, expressions(), inner),
            st.builds("{{% if {} %}}{}{{% endif %}}".format, expressions(), inner),
            st.builds("{{% set y = {} %}}{}".format, expressions(), inner),
            st.builds("{}{}".format, inner, inner),
        )

    output = st.builds("{{{{ {} }}}}".format, expressions())
    return st.recursive(output | st.just("text"), larger, max_leaves=6)


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(size=1) as pool:
        yield pool


@given(statements(), plain_json, plain_json)
@settings(unhurried, max_examples=300)
def test_a_random_template_ends_bounded(pool: RenderPool, source: str, x: Any, y: Any) -> None:
    result = pool.preview(source, {"x": x, "y": y}, timeout_s=2.0)
    assert result.keys() & {"value", "missing", "error"}
    if "error" in result:
        message = result["error"]["message"]
        assert "took longer" not in message
        assert "too much memory or time" not in message
        assert "cannot work with these values" not in message, message
