"""The recipe file: read, refused with the place and the reason, written and read back the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.engine.definition import Definition, parse_definition, read_definition, write_definition
from automations.errors import RecipeProblems

MINIMAL = "name: note\ntrigger: {key: toy.happened}\n"

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    texts | numbers | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
printable = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
steps = st.fixed_dictionaries(
    {"name": names, "action": texts.filter(bool), "fields": st.dictionaries(texts, values, max_size=3)},
    optional={
        "connection": texts,
        "missing": st.dictionaries(
            texts,
            st.sampled_from(["fail", "skip", "null"]) | values.map(lambda v: {"default": v}),
            max_size=2,
        ),
        "only_if": texts.filter(bool),
        "for_each": texts.filter(bool),
        "wait": st.sampled_from(["10m", "1.5h", " 3 d "]),
        "on_error": st.sampled_from(["stop", "continue"]),
    },
)
samples = st.fixed_dictionaries(
    {"name": texts.filter(bool), "record": st.dictionaries(texts, values, max_size=3)},
    optional={"previous": st.dictionaries(texts, values, max_size=2) | st.none()},
)
recipes = st.fixed_dictionaries(
    {
        "name": printable,
        "trigger": st.fixed_dictionaries(
            {"key": texts.filter(bool), "fields": st.dictionaries(texts, values)}
        ),
        "steps": st.lists(steps, max_size=3, unique_by=lambda step: step["name"]),
    },
    optional={
        "description": texts,
        "enabled": st.booleans(),
        "only_if": values,
        "order": st.sampled_from(["per_record", "none"]),
        "samples": st.lists(samples, max_size=2),
        "tests": st.lists(
            st.fixed_dictionaries({"sample": texts, "expect": st.dictionaries(texts, values, max_size=2)}),
            max_size=2,
        ),
    },
)


@settings(max_examples=150, deadline=None)
@given(recipes)
def test_what_is_written_reads_back_the_same(tree: dict[str, Any]) -> None:
    definition = parse_definition(tree)
    again = read_definition(write_definition(definition))
    assert again == definition
    assert write_definition(again) == write_definition(definition)
    assert parse_definition(definition.as_tree()) == definition


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(RecipeProblems) as caught:
        read_definition(text, file="a.yaml")
    assert all(problem.file == "a.yaml" for problem in caught.value.problems)
    return [(problem.path, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("", "", "A recipe is a list of keys"),
        ("- a\n- b", "", "A recipe is a list of keys"),
        ("just text", "", "A recipe is a list of keys"),
        ("name: [", "", "not YAML at line"),
        ("name: a\nname: b", "", "stands twice (line 2)"),
        (MINIMAL + "stesp: []", "stesp", "Did you mean 'steps'"),
        ("name: note\ntrigger: {kye: a}", "trigger.kye", "Did you mean 'key'"),
        ("name: note", "trigger", "required"),
        (MINIMAL + "steps: [{name: 1a, action: x}]", "steps[0].name", "steps.<name>"),
        (MINIMAL + "steps: [{name: a, action: x, wait: soon}]", "steps[0].wait", "10m"),
        (MINIMAL + "steps: [{name: a, action: x}, {name: a, action: y}]", "steps", "two steps"),
        (MINIMAL + "steps: [{name: a, action: x, missing: {f: maybe}}]", "steps[0].missing", "is no policy"),
        ("name: ' a'\ntrigger: {key: x}", "name", "no blanks around"),
        ("name: 'a\tb'\ntrigger: {key: x}", "name", "printable"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, path: str, said: str) -> None:
    problems = refused(text)
    assert any(found == path and said in message for found, message in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        MINIMAL + "description: " + "1" * 5_000,
        MINIMAL + "only_if: " + "[" * 3_000,
        MINIMAL + "only_if: " + "[" * 900 + "]" * 900,
        MINIMAL + "only_if: &a [*a]",
        MINIMAL + "only_if: &a {b: *a}",
        MINIMAL + "only_if: !!binary aGVsbG8=",
        MINIMAL + "only_if: !!set {a, b}",
        MINIMAL + "only_if: !!python/object/apply:os.system [ls]",
        MINIMAL + "only_if: !!timestamp 2026-11-22",
        MINIMAL + "only_if: .nan",
        MINIMAL + "only_if: -.inf",
        MINIMAL + "only_if: {1: a}",
        MINIMAL + "only_if: {yes: a}",
        MINIMAL + "<<: {order: none}",
        "\x00",
        "\ud800",
        "a: 1\n---\nb: 2",
        "%TAG ! x\n",
    ],
)
def test_hostile_files_are_refused_and_nothing_else_happens(text: str) -> None:
    assert refused(text)


def test_a_file_that_would_unfold_without_end_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb = MINIMAL + "only_if:\n" + "\n".join("  " + line for line in lines)
    (problem,) = refused(bomb)
    assert "too large" in problem[1]


def test_a_part_may_be_written_once_and_used_twice() -> None:
    text = MINIMAL + "steps:\n- {name: a, action: x, fields: &f {t: 1}}\n- {name: b, action: x, fields: *f}\n"
    assert [step.fields for step in read_definition(text).steps] == [{"t": 1}, {"t": 1}]


def test_dates_and_words_stay_the_text_they_were_written_as() -> None:
    text = MINIMAL + "steps: [{name: a, action: x, fields: {day: 2026-11-22, at: 10:42}}]"
    assert read_definition(text).steps[0].fields["day"] == "2026-11-22"


def test_json_is_the_same_tree() -> None:
    assert read_definition('{"name": "note", "trigger": {"key": "x"}}') == read_definition(
        "name: note\ntrigger:\n  key: x\n"
    )


@pytest.mark.parametrize(
    ("wait", "seconds"), [("10s", 10), ("1.5h", 5400), (" 2 d ", 172_800), ("1w", 604_800)]
)
def test_waits_are_counted_in_seconds(wait: str, seconds: float) -> None:
    tree = {"name": "n", "trigger": {"key": "x"}, "steps": [{"name": "a", "action": "x", "wait": wait}]}
    assert Definition.model_validate(tree).steps[0].wait_s == seconds


@pytest.mark.parametrize("wait", ["9" * 400 + "w", "99999999999w"])
def test_a_wait_without_end_is_refused(wait: str) -> None:
    tree = {"name": "n", "trigger": {"key": "x"}, "steps": [{"name": "a", "action": "x", "wait": wait}]}
    with pytest.raises(RecipeProblems, match="longest"):
        parse_definition(tree)
