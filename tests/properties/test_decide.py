"""Verdicts over any record and any condition: the same in, the same out, and always exactly one answer."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from automations.assembly import Assembly
from automations.engine.compiled import CompiledRecipe
from automations.engine.context import Envelope, build_context
from automations.engine.contracts import Occurrence
from automations.engine.decide import Ruling, decide
from automations.errors import RecipeError
from tests.engine.toy import ToyConnection
from tests.properties.conftest import Compile

LEAVES = ("exists", "missing", "empty", "is_true", "is_false", "changed")
PAIRS = (
    "equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in",
    "gt", "gte", "lt", "lte", "changed_from", "changed_to",
)  # fmt: skip
NAMES = ("a", "b", "color")
# As events are: strict JSON knows no NaN and no infinity.
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
records = st.dictionaries(st.sampled_from(NAMES), values)
#: What an author may write on the right of a condition.
constants = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab 1", max_size=3) | st.lists(st.integers(0, 3))
)


def leaf(name: str, op: str, right: Any) -> dict[str, Any]:
    tree = {"left": f"{{{{ thing.{name} }}}}", "op": op}
    return tree if op in LEAVES else {**tree, "right": right}


leaves = st.builds(leaf, st.sampled_from(NAMES), st.sampled_from(LEAVES + PAIRS), constants)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=5,
)


def recipe_of(compiled: Compile, condition: dict[str, Any], **trigger: Any) -> CompiledRecipe:
    """Return a recipe with this condition; what is refused when it is saved is no example."""
    step = {"name": "w", "action": "toy.write_down", "connection": "toys", "fields": {"text": "x"}}
    try:
        return compiled({"only_if": condition, "steps": [step], "trigger": {"fields": trigger}})
    except RecipeError:
        assume(False)
        raise


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    condition=conditions, record=records, previous=st.none() | records, color=st.sampled_from([None, "red"])
)
def test_every_condition_answers_every_record_once_and_the_same_again(
    assembly: Assembly,
    compiled: Compile,
    condition: dict[str, Any],
    record: dict[str, Any],
    previous: dict[str, Any] | None,
    color: str | None,
) -> None:
    recipe = recipe_of(compiled, condition, color=color)
    record = {"id": 1, **record}
    occurrence = Occurrence("thing.happened", "thing", record, previous, "thing:1")
    context = build_context(occurrence, Envelope(), names=ToyConnection().names(occurrence))
    before = copy.deepcopy((record, previous, sorted(context)))
    directory = assembly.connections.directory(1)
    first = decide(recipe, occurrence, context, directory, looked_up=True)
    second = decide(recipe, occurrence, context, directory, looked_up=True)
    assert first == second
    # Total: with everything looked up there is a verdict, and a no says why.
    assert first.ruling in (Ruling.PASSED, Ruling.FILTERED)
    assert bool(first.reason) is (first.ruling is Ruling.FILTERED)
    if color and record.get("color") != color:
        assert first.ruling is Ruling.FILTERED
    # Pure: what was judged is as it was.
    assert repr((record, previous, sorted(context))) == repr(before)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=conditions, record=records)
def test_a_condition_and_its_negation_never_agree(
    assembly: Assembly, compiled: Compile, condition: dict[str, Any], record: dict[str, Any]
) -> None:
    occurrence = Occurrence("thing.happened", "thing", {"id": 1, **record}, None, "thing:1")
    context = build_context(occurrence, Envelope(), names=ToyConnection().names(occurrence))
    directory = assembly.connections.directory(1)
    rulings = {
        decide(recipe_of(compiled, tree), occurrence, context, directory, looked_up=True).ruling
        for tree in (condition, {"not": condition})
    }
    assert rulings == {Ruling.PASSED, Ruling.FILTERED}
