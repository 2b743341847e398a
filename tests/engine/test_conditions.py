from __future__ import annotations

from typing import Any

import pytest

from automations.engine.conditions import OPS, Condition, judge, parse_condition
from automations.errors import MappingError, RecipeError

CONTEXT: dict[str, Any] = {
    "deal": {
        "title": "Office chairs",
        "value": "1500",
        "price": 99.5,
        "stage_id": 4,
        "status": "open",
        "note": "",
        "zero": 0,
        "org": None,
        "labels": ["Hot", 7],
        "added": "2027-03-31 10:00:00",
        "person": {"email": "anna@example.com"},
        "custom_fields": {"k": "new"},
        "cleared": None,
    }
}
PREVIOUS = {"stage_id": 3, "title": "Office chairs", "custom_fields": {"k": "old"}, "cleared": "x"}


def passes(op: str, left: str, right: Any = None, **more: Any) -> bool:
    leaf: dict[str, Any] = {"left": left, "op": op, **more}
    if right is not None:
        leaf["right"] = right
    return judge(parse_condition(leaf), CONTEXT, previous=PREVIOUS).passed


def refusal(value: Any) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        parse_condition(value)
    return caught.value


@pytest.mark.parametrize(
    ("op", "left", "right", "wanted"),
    [
        ("equals", "{{ deal.status }}", "open", True),
        ("equals", "{{ deal.status }}", "Open", False),
        ("equals", "{{ deal.value }}", 1500, True),
        ("equals", "{{ deal.value }}", "1500.0", False),
        ("equals", "{{ deal.price }}", "99.50", True),
        ("equals", "{{ deal.zero }}", False, False),
        ("equals", "{{ deal.labels }}", ["Hot", "7"], True),
        ("equals", "{{ deal.status }}", "{{ deal.status }}", True),
        ("equals", "{{ deal.status }}", "{{ deal.nope }}", False),
        ("not_equals", "{{ deal.status }}", "won", True),
        ("not_equals", "{{ deal.status }}", "{{ deal.nope }}", True),
        ("contains", "{{ deal.title }}", "chair", True),
        ("contains", "{{ deal.title }}", "Chair", False),
        ("contains", "{{ deal.labels }}", "7", True),
        ("contains", "{{ deal.labels }}", "Ho", False),
        ("contains", "{{ deal.person }}", "email", True),
        ("contains", "{{ deal.value }}", 50, True),
        ("not_contains", "{{ deal.labels }}", "Cold", True),
        ("starts_with", "{{ deal.title }}", "Office", True),
        ("starts_with", "{{ deal.labels }}", "Hot", False),
        ("ends_with", "{{ deal.title }}", "chairs", True),
        ("matches", "{{ deal.person.email }}", "^[a-z]+@example[.]com$", True),
        ("matches", "{{ deal.title }}", "CHAIRS", False),
        ("matches", "{{ deal.title }}", "chair", True),
        ("matches", "{{ deal.value }}", "^1", True),
        ("matches", "{{ deal.labels }}", "Hot", False),
        ("in", "{{ deal.status }}", ["open", "won"], True),
        ("in", "{{ deal.stage_id }}", ["4", "5"], True),
        ("in", "{{ deal.status }}", "{{ deal.labels }}", False),
        ("not_in", "{{ deal.status }}", ["won"], True),
        ("gt", "{{ deal.value }}", 1000, True),
        ("gt", "{{ deal.value }}", "999", True),
        ("gt", "{{ deal.title }}", 5, False),
        ("gte", "{{ deal.price }}", "99.5", True),
        ("lt", "{{ deal.value }}", 1500, False),
        ("lte", "{{ deal.value }}", 1500, True),
        ("gt", "{{ deal.added }}", "2027-03-31T11:30:00+02:00", True),
        ("lt", "{{ deal.added }}", "2027-04-01", True),
        ("gt", "{{ deal.labels }}", 1, False),
        ("exists", "{{ deal.note }}", None, True),
        ("exists", "{{ deal.zero }}", None, True),
        ("exists", "{{ deal.org }}", None, False),
        ("missing", "{{ deal.org.name }}", None, True),
        ("missing", "{{ deal.note }}", None, False),
        ("empty", "{{ deal.note }}", None, True),
        ("empty", "{{ deal.title }}", None, False),
        ("empty", "{{ deal.zero }}", None, False),
        ("is_true", "{{ deal.value > 1000 }}", None, True),
        ("is_true", "{{ 'yes' if deal.value else 'no' }}", None, True),
        ("is_true", "{{ deal.title }}", None, False),
        ("is_false", "{{ deal.zero }}", None, True),
        ("is_false", "{{ deal.note }}", None, False),
        ("changed", "{{ deal.stage_id }}", None, True),
        ("changed", "{{ deal.title }}", None, False),
        ("changed", "{{ deal.status }}", None, False),
        ("changed", "{{ deal.cleared }}", None, True),
        ("changed", "{{ deal.custom_fields['k'] }}", None, True),
        ("changed_from", "{{ deal.stage_id }}", 3, True),
        ("changed_from", "{{ deal.stage_id }}", 2, False),
        ("changed_from", "{{ deal.title }}", "Office chairs", False),
        ("changed_from", "{{ deal.cleared }}", "x", True),
        ("changed_to", "{{ deal.stage_id }}", "4", True),
        ("changed_to", "{{ deal.stage_id }}", 3, False),
        ("changed_to", "{{ deal.title }}", "Office chairs", False),
    ],
)
def test_operation_holds_as_it_reads(op: str, left: str, right: Any, wanted: bool) -> None:
    assert passes(op, left, right) is wanted


@pytest.mark.parametrize("op", ["equals", "contains", "starts_with", "ends_with", "matches", "in"])
def test_case_is_ignored_on_request(op: str) -> None:
    right: Any = {"in": ["OFFICE CHAIRS"]}.get(op, "OFFICE CHAIRS")
    assert not passes(op, "{{ deal.title }}", right)
    assert passes(op, "{{ deal.title }}", right, ignore_case=True)


@pytest.mark.parametrize("op", sorted(OPS))
@pytest.mark.parametrize("left", ["{{ deal.nope }}", "{{ deal.org }}", "{{ deal.org.name.deeper }}"])
def test_missing_left_makes_all_false_but_missing_and_the_not_ones(op: str, left: str) -> None:
    right = {"in": ["x"], "not_in": ["x"]}.get(op, "x") if OPS[op].takes_right else None
    assert passes(op, left, right) is (op == "missing" or op.startswith("not_"))


@pytest.mark.parametrize("doc", OPS.values(), ids=lambda doc: doc.name)
def test_documented_example_holds(doc: Any) -> None:
    left, *right = doc.example
    leaf = {"left": "{{ deal.x }}", "op": doc.name, **({"right": right[0]} if doc.takes_right else {})}
    context = {"deal": {"x": left}}
    assert judge(parse_condition(leaf), context, previous={"x": 1}).passed
    assert doc.words
    assert doc.doc.endswith(".")
    assert len(right) == doc.takes_right


def test_contract_names_every_operation() -> None:
    names = (
        "equals not_equals contains not_contains starts_with ends_with matches in not_in gt gte lt lte exists "
        "missing empty is_true is_false changed changed_from changed_to"
    )
    assert " ".join(OPS) == names


# -- trees ----------------------------------------------------------------------------------------

OPEN = {"left": "{{ deal.status }}", "op": "equals", "right": "open"}
WON = {"left": "{{ deal.status }}", "op": "equals", "right": "won"}
BROKEN = {"left": "{{ deal.title | as_number }}", "op": "gt", "right": 5}


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ({"all": [OPEN, OPEN]}, True),
        ({"all": [OPEN, WON]}, False),
        ({"any": [WON, OPEN]}, True),
        ({"any": [WON, WON]}, False),
        ({"not": WON}, True),
        ({"not": {"any": [WON, OPEN]}}, False),
        ({"all": [{"any": [WON, OPEN]}, {"not": {"all": [OPEN, WON]}}, "deal.zero == 0"]}, True),
        (OPEN, True),
        ("{{ deal.status == 'open' }}", True),
        ("deal.nope", False),
        ("deal.note", False),
        ("deal.org", False),
        ("deal.labels", True),
        ("'false'", False),
        ("'No'", False),
        ("'anything'", True),
        (None, True),
    ],
)
def test_tree_is_judged(tree: Any, wanted: bool) -> None:
    assert judge(parse_condition(tree), CONTEXT, previous=None).passed is wanted


def test_every_comparison_is_told_and_failures_come_in_order() -> None:
    tree = {"all": [OPEN, WON, {"not": OPEN}, {"left": "{{ deal.nope }}", "op": "exists"}]}
    judgement = judge(parse_condition(tree), CONTEXT, previous=None)
    assert [(reason.path, reason.passed) for reason in judgement.why] == [
        ("all[0]", True),
        ("all[1]", False),
        ("all[2].not", False),
        ("all[3]", False),
    ]
    assert [reason.sentence for reason in judgement.failures] == [
        "deal.status is 'open', wanted: equals 'won'",
        "not: deal.status is 'open', wanted: equals 'open'",
        "deal.nope is missing, wanted: exists",
    ]
    assert (judgement.why[1].left, judgement.why[1].op, judgement.why[1].right) == ("open", "equals", "won")


def test_passing_judgement_has_no_failures() -> None:
    judgement = judge(parse_condition({"any": [WON, OPEN]}), CONTEXT, previous=None)
    assert judgement.passed
    assert judgement.failures == []
    assert [reason.passed for reason in judgement.why] == [False, True]


def test_change_is_told_with_both_values() -> None:
    condition = parse_condition({"left": "{{ deal.stage_id }}", "op": "changed_to", "right": 5})
    (reason,) = judge(condition, CONTEXT, previous=PREVIOUS).why
    assert reason.sentence == "deal.stage_id is 4 and was 3, wanted: changed to 5"
    (reason,) = judge(condition, CONTEXT, previous=None).why
    assert reason.sentence == "deal.stage_id is 4 and did not change, wanted: changed to 5"


@pytest.mark.parametrize(
    "tree", [{"all": [WON, BROKEN]}, {"any": [OPEN, BROKEN]}, {"not": {"all": [WON, BROKEN]}}]
)
def test_failing_template_matters_not_where_it_is_not_reached(tree: Any) -> None:
    judgement = judge(parse_condition(tree), CONTEXT, previous=None)
    assert "is not a number" in judgement.why[1].sentence


@pytest.mark.parametrize("tree", [{"all": [OPEN, BROKEN, WON]}, {"any": [WON, BROKEN, OPEN]}, BROKEN])
def test_failing_template_that_decides_is_raised_with_its_path(tree: Any) -> None:
    with pytest.raises(MappingError, match="is not a number") as caught:
        judge(parse_condition(tree), CONTEXT, previous=None)
    assert caught.value.field == ("" if tree is BROKEN else next(iter(tree)) + "[1]")


def test_in_needs_a_list_also_at_run_time() -> None:
    with pytest.raises(MappingError, match="'in' needs a list"):
        passes("in", "{{ deal.status }}", "{{ deal.title }}")


def test_pattern_that_came_with_the_event_cannot_hurt() -> None:
    context = {"a": "x" * 50_000, "b": "(x+x+)+y"}
    condition = parse_condition({"left": "{{ a }}", "op": "matches", "right": "{{ b }}"})
    assert not judge(condition, context, previous=None).passed
    with pytest.raises(MappingError, match="is not a pattern"):
        judge(condition, {"a": "x", "b": "(?=x)"}, previous=None)


def test_paths_say_what_is_read() -> None:
    condition = parse_condition(
        {"all": [OPEN, {"not": "deal.person.email"}, {**WON, "right": ["{{ deal.a.b }}", 1]}]}
    )
    assert condition.paths == {("deal", "status"), ("deal", "person", "email"), ("deal", "a", "b")}
    assert condition.names == {"deal"}
    assert parse_condition(None) == Condition(None)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "fact"),
    [
        (5, "", "A condition is an expression"),
        (True, "", "A condition is an expression"),
        ("", "", "A condition is an expression"),
        ([OPEN], "", "A condition is an expression"),
        ("{{ a }} {{ b }}", "", "must be one expression"),
        ("a | nope", "", "There is no filter 'nope'"),
        ({"all": []}, "all", "at least one"),
        ({"any": OPEN}, "any", "needs a list"),
        ({"not": [OPEN]}, "not", "A condition is an expression"),
        ({"all": [OPEN], "any": [OPEN]}, "", "must stand alone"),
        ({"all": [OPEN, {"any": [{**OPEN, "op": "equal"}]}]}, "all[1].any[0].op", "Did you mean 'equals'?"),
        ({**OPEN, "rigth": 1}, "", "Did you mean 'right'?"),
        ({"op": "exists"}, "", "needs 'left'"),
        ({"left": "{{ a.b }}"}, "", "needs 'op'"),
        ({"left": "deal.value", "op": "exists"}, "left", "Write '{{ deal.value }}'"),
        ({"left": 5, "op": "exists"}, "left", "must be a template"),
        ({"left": "{{ a. }}", "op": "exists"}, "left", "cannot be read"),
        ({"left": "{{ a.b }}", "op": "exists", "right": 1}, "right", "takes no right side"),
        ({"left": "{{ a.b }}", "op": "equals"}, "right", "use 'missing'"),
        ({"left": "{{ a.b }}", "op": "in", "right": "x"}, "right", "needs a list"),
        ({"left": "{{ a.b }}", "op": "matches", "right": "(a"}, "right", "'(a' is not a pattern: missing )"),
        ({"left": "{{ a.b }}", "op": "matches", "right": 5}, "right", "needs a pattern"),
        ({"left": "{{ a.b }}", "op": "equals", "right": "{{ x | nope }}"}, "right", "There is no filter"),
        ({"left": "{{ a.b | upper }}", "op": "changed"}, "left", "needs one field of the record"),
        ({"left": "{{ a }}", "op": "changed"}, "left", "needs one field of the record"),
        ({**OPEN, "ignore_case": "yes"}, "ignore_case", "true or false"),
        ({**OPEN, "op": ["equals"]}, "op", "There is no op"),
    ],
)
def test_wrong_condition_is_refused_with_its_path(value: Any, path: str, fact: str) -> None:
    error = refusal(value)
    assert error.path == path
    assert fact in error.message


def test_size_is_bounded() -> None:
    deep: Any = OPEN
    for _ in range(30):
        deep = {"not": deep}
    assert "nested 20 deep" in refusal(deep).message
    assert "At most 200" in refusal({"all": [OPEN] * 201}).message
