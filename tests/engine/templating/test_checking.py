from __future__ import annotations

from typing import Any

import pytest

from automations.engine.templating import TemplateProblem, check

KNOWN = ("deal", "deal.person", "deal.person.email", "event", "steps")


@pytest.mark.parametrize(
    "source",
    [
        "text",
        5,
        None,
        "{{ deal.value }}",
        "{% for p in deal.products %}{{ p.name }} {{ loop.index }}{% endfor %}",
        "{% set x = deal.a %}{{ x }}",
        "{{ person is defined }}",
        {"a": ["{{ deal.b }}", {"c": "{{ event.id }}"}]},
        "{{ range(3) }}",
    ],
)
def test_sound_template_has_no_problems(source: Any) -> None:
    assert check(source, known_names=KNOWN) == []


def test_unknown_name_is_found_with_its_line_and_the_nearest_name() -> None:
    (problem,) = check("{{ deal.value }}\n{{ person.email }}", known_names=KNOWN)
    assert (problem.line, problem.construct) == (2, "person")
    assert problem.message.startswith("'person' is not known here. Did you mean 'deal.person'?")


def test_names_are_not_checked_where_none_are_known() -> None:
    assert check("{{ whatever }}") == []


def test_all_problems_are_found_each_with_its_place() -> None:
    tree = {"emails": ["{{ deal.a | nope }}", "{{ deal.b }}"], "name": "{{ x }} {{ y }}", "bad": "{% if %}"}
    problems = check(tree, known_names=KNOWN)
    assert [problem.path for problem in problems] == ["emails[0]", "name", "name", "bad"]


@pytest.mark.parametrize(
    ("source", "construct", "fact"),
    [
        ("{% include 'x' %}", "include", "'include' is not allowed"),
        ("{% macro m() %}{% endmacro %}", "macro", "'macro' is not allowed"),
        ("{% for x in a recursive %}{% endfor %}", "for", "recursive"),
        (
            "{% for x in a %}{% for y in x %}{% for z in y %}{% endfor %}{% endfor %}{% endfor %}",
            "for",
            "2 deep",
        ),
        ("{{ deal.items() }}", "items", "Write '| items'"),
        ("{{ coalesce(a, b) }}", "coalesce", "is a filter"),
        ("{{ deal.title.format(1) }}", "format", "cannot be called"),
        ("{{ a.__class__ }}", "__class__", "is not allowed"),
        ("{{ _a }}", "_a", "is not allowed"),
        ("{{ a | nope }}", "nope", "There is no filter"),
        ("{{ a is nope }}", "nope", "There is no test"),
        ("{{ a | join(*b) }}", "join", "'*' and '**'"),
    ],
)
def test_problem_names_the_construct(source: str, construct: str, fact: str) -> None:
    problems = check(source)
    assert problems[0].construct == construct
    assert fact in problems[0].message


@pytest.mark.parametrize("source", ["{{ a b }}", "{{ 'a }}", "{{", "{% if a %}", "{% foo %}", "{{ a. }}"])
def test_syntax_error_is_said_in_a_sentence(source: str) -> None:
    (problem,) = check(source)
    assert problem.message.startswith("The template cannot be read: ")
    assert problem.line == 1


@pytest.mark.parametrize("source", [object(), {"a": object()}, [b"x"], {1: {2: {"{{": 3}}}, float("nan")])
def test_nothing_makes_the_check_raise(source: Any) -> None:
    assert all(isinstance(problem, TemplateProblem) for problem in check(source))


def test_size_is_bounded() -> None:
    assert "longer than 16 KB" in check("{{ a }}" + "x" * 17_000)[0].message
    assert check("x" * 17_000) == []
    assert "more than 600 parts" in check("{{ a }}" * 601)[0].message
    assert "nested more than 60 deep" in check("{{ " + "(" * 70 + "a" + ")" * 70 + " }}")[0].message
