from __future__ import annotations

import copy
import pickle
import threading
from datetime import date
from typing import Any

import pytest

from automations.engine.templating import (
    MISSING,
    LazyMapping,
    Missing,
    Template,
    compile_expression,
    compile_value,
    explain_missing,
    render,
)
from automations.errors import MappingError, UnavailableError

CONTEXT: dict[str, Any] = {
    "deal": {
        "id": 7,
        "title": "Office chairs",
        "value": 5000,
        "rate": 0.1,
        "won": False,
        "note": "",
        "count": 0,
        "org": None,
        "labels": ["hot", "new"],
        "items": "a key named items",
        "keys": "a key named keys",
        "get": "a key named get",
        "custom": {"Roof type": "flat"},
        "person": {"name": "Anna", "email": "anna@example.com"},
        "products": [{"name": "Chair", "price": 10}, {"name": "Desk", "price": 20}],
    },
    "event": {"occurred_at": "2027-03-31T09:30:00Z"},
}


def rendered(source: Any, context: dict[str, Any] | None = None) -> Any:
    return render(compile_value(source), CONTEXT if context is None else context)


def refusal(source: Any, context: dict[str, Any] | None = None) -> str:
    with pytest.raises(MappingError) as caught:
        rendered(source, context)
    return caught.value.message


# -- types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", ["text", "", 0, 5, 1.5, True, False, None, "a } b { c", "100 %"])
def test_constant_is_given_back_as_it_is(constant: Any) -> None:
    template = compile_value(constant)
    assert template.is_constant
    assert not template.is_expression
    assert render(template, {}) == constant
    assert type(render(template, {})) is type(constant)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ deal.value }}", 5000),
        ("{{deal.rate}}", 0.1),
        ("{{ deal.won }}", False),
        ("{{ deal.labels }}", ["hot", "new"]),
        ("{{ deal.person }}", {"name": "Anna", "email": "anna@example.com"}),
        ("{{ deal.value }}\n", 5000),
        ("{{ deal['value'] }}", 5000),
        ("{# the value #}{{ deal.value }}", 5000),
        ("{{ deal.value * 2 }}", 10000),
        ("{{ deal.products | map(attribute='price') | sum }}", 30),
    ],
)
def test_one_expression_keeps_its_type(source: str, value: Any) -> None:
    assert compile_value(source).is_expression
    assert rendered(source) == value
    assert type(rendered(source)) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (" {{ deal.value }}", " 5000"),
        ("{{ deal.value }}{{ deal.value }}", "50005000"),
        ("{{ deal.value / 2 }} EUR", "2500 EUR"),
        ("won: {{ deal.won }}", "won: false"),
        ("tags {{ deal.labels }}", 'tags ["hot","new"]'),
        ("{% if deal.won %}yes{% else %}no{% endif %}", "no"),
        ("{{ 1e22 }} {{ 1e-7 }} {{ 2.50 }}", "10000000000000000000000 0.0000001 2.5"),
        ("a\n{{ deal.value }}\n", "a\n5000\n"),
        ("count {{ deal.count }}, note '{{ deal.note }}'", "count 0, note ''"),
        ("{{ 'Mr ' if deal.won }}{{ deal.person.name }}", "Anna"),
    ],
)
def test_text_around_it_makes_text(source: str, text: str) -> None:
    assert not compile_value(source).is_expression
    assert rendered(source) == text


def test_tree_keeps_its_shape_and_its_static_keys() -> None:
    tree = {"Name": "{{ deal.person.name }}", "list": ["{{ deal.value }}", 1, {"a": None}], 5: "x"}
    assert rendered(tree) == {"Name": "Anna", "list": [5000, 1, {"a": None}], "5": "x"}


def test_missing_leaf_stays_in_its_place() -> None:
    assert rendered({"a": "{{ deal.nope }}", "b": ["{{ deal.org }}"]}) == {"a": MISSING, "b": [None]}


def test_key_cannot_be_a_template() -> None:
    assert "must be plain text" in refusal({"{{ deal.title }}": 1})


def test_date_that_yaml_read_becomes_iso_text() -> None:
    assert rendered(date(2027, 3, 31)) == "2027-03-31"


def test_what_is_no_json_is_refused() -> None:
    assert "neither text, number" in refusal(object())


# -- missing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ deal.nope }}",
        "{{ deal.nope.deeper.still }}",
        "{{ deal.org.name }}",
        "{{ deal.labels[9] }}",
        "{{ deal.labels.hot }}",
        "{{ deal.value.cents }}",
        "{{ deal.title.nope }}",
        "{{ deal['no such key'] }}",
        "{{ deal.nope | upper }}",
        "{{ deal.org | upper }}",
        "{{ deal.nope | replace('a', 'b') | upper }}",
        "{{ deal.title | replace('a', deal.nope) }}",
        "{{ deal.nope + 1 }}",
        "{{ -deal.nope }}",
        "{{ deal.nope ~ 'x' }}",
        "{{ deal.nope[:3] }}",
        "{{ deal.nope.upper() }}",
        "{{ deal.labels[deal.nope] }}",
        "{{ deal.person.name | last_name }}",
        "{{ [] | first }}",
        "Dear {{ deal.nope }}",
        "Dear {{ deal.org }}",
        "Dear {{ deal.org.name | upper }}",
    ],
)
def test_missing_part_makes_the_value_missing(source: str) -> None:
    assert rendered(source) is MISSING


def test_null_expression_gives_none() -> None:
    assert rendered("{{ deal.org }}") is None
    assert rendered("{{ deal.title if deal.won }}") is None


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ deal.nope | default('x') }}", "x"),
        ("{{ deal.org | default('x') }}", "x"),
        ("{{ deal.org.name | default('x') }}", "x"),
        ("{{ deal.nope | coalesce(deal.org, deal.title) }}", "Office chairs"),
        ("Dear {{ deal.nope | default('friend') }}", "Dear friend"),
        ("{{ deal.count | default(3) }}", 0),
        ("{{ deal.won | default(true) }}", False),
        ("{{ deal.note | default('x') }}", ""),
        ("{{ deal.note | default('x', true) }}", "x"),
        ("{% if deal.nope %}a{% else %}b{% endif %}", "b"),
        ("{{ deal.nope is defined }}", False),
        ("{{ deal.org is defined }}", True),
        ("{{ deal.org is none }}", True),
        ("{{ deal.nope is none }}", True),
        ("{{ deal.nope == none }}", True),
        ("{{ deal.nope > 3 }}", False),
        ("{{ deal.nope in ['a'] }}", False),
        ("{{ 'a' in deal.nope }}", False),
        ("{{ not deal.nope }}", True),
        ("{{ deal.nope or deal.title }}", "Office chairs"),
        ("{% for x in deal.nope %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{{ {'a': deal.nope, 'b': 1} }}", {"b": 1}),
        ("{{ [deal.nope, 1] }}", [1]),
    ],
)
def test_missing_is_cured_or_counts_as_false(source: str, value: Any) -> None:
    assert rendered(source) == value


def test_missing_is_one_falsy_thing() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"
    assert Missing() is MISSING
    assert copy.deepcopy(MISSING) is MISSING
    assert copy.copy(MISSING) is MISSING
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING


def test_why_it_is_missing_names_the_nearest_field() -> None:
    template = compile_value("Dear {{ deal.person.nmae }}")
    assert explain_missing(template, CONTEXT) == "There is no 'nmae' in 'deal.person'. Did you mean 'name'?"
    assert explain_missing(compile_value("{{ deal.org.name }}"), CONTEXT) == "'deal.org' is null."
    assert explain_missing(compile_value("{{ [] | first }}"), CONTEXT)


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["{{ person.email }}", "{{ person }}", "{{ person | default('x') }}", "a {{ person }}"]
)
def test_unknown_name_is_an_error_with_the_nearest_one(source: str) -> None:
    assert refusal(source).startswith("'person' is not known here. Did you mean 'deal.person'?")


def test_misspelt_name_is_corrected() -> None:
    assert "Did you mean 'deal'?" in refusal("{{ dael.title }}")


def test_error_carries_the_template() -> None:
    with pytest.raises(MappingError) as caught:
        rendered("{{ deal.title | e164('DE') }}")
    assert caught.value.template == "{{ deal.title | e164('DE') }}"


def test_unknown_name_matters_only_where_it_is_used() -> None:
    assert rendered("{{ 'a' if true else nope }}") == "a"
    assert rendered("{{ nope is defined }}") is False


def test_set_variable_of_a_branch_not_taken_is_unknown() -> None:
    assert "'x' is not known here" in refusal("{% if deal.won %}{% set x = 1 %}{% endif %}{{ x }}")


def test_error_in_several_lines_names_the_line() -> None:
    assert refusal("a\nb\n{{ deal.title | as_number }}\n").startswith(
        "line 3: 'Office chairs' is not a number"
    )
    assert refusal("a\n{{ deal.title | nope }}").startswith("line 2: There is no filter 'nope'.")


# -- reading --------------------------------------------------------------------------------------


def test_keys_named_like_methods_are_keys() -> None:
    assert (
        rendered("{{ deal.items }}/{{ deal.keys }}/{{ deal['get'] }}")
        == "a key named items/a key named keys/a key named get"
    )


def test_lists_have_indexes_and_slices_and_texts_methods() -> None:
    assert rendered("{{ deal.labels.0 }} {{ deal.labels[-1] }} {{ deal.title[:6] }}") == "hot new Office"
    assert rendered("{{ deal.title.upper().replace('OFFICE', 'HOME') }}") == "HOME CHAIRS"
    assert rendered("{{ 'a,b'.split(',') }}") == ["a", "b"]


def test_loop_has_its_counters() -> None:
    body = "{{ loop.index }}/{{ loop.length }} {{ p.name }}{{ '; ' if not loop.last }}"
    source = "{% for p in deal.products %}" + body + "{% endfor %}"
    assert rendered(source) == "1/2 Chair; 2/2 Desk"
    assert (
        rendered("{% for k, v in deal.person | items %}{{ k }}={{ v }} {% endfor %}")
        == "name=Anna email=anna@example.com "
    )


def test_set_and_with_keep_values() -> None:
    assert rendered("{% set p = deal.person %}{{ p.name }}") == "Anna"
    assert rendered("{% with n = deal.value %}{{ n }}{% endwith %}") == "5000"
    assert rendered("{% set t %}<{{ deal.id }}>{% endset %}{{ t | escape }}") == "&lt;7&gt;"


def test_integer_key_finds_its_text() -> None:
    assert rendered("{{ {'7': 'seven'}[deal.id] }}") == "seven"


def test_lazy_values_are_fetched_once_and_only_when_read() -> None:
    asked: list[str] = []

    def load(key: str) -> Any:
        asked.append(key)
        return {"name": "Anna"}

    deal = LazyMapping({"id": 1}, ["person", "stage"], load)
    assert render(compile_value("{{ deal.id }}"), {"deal": deal}) == 1
    assert asked == []
    assert render(compile_value("{{ deal.person.name ~ deal.person.name }}"), {"deal": deal}) == "AnnaAnna"
    assert asked == ["person"]
    assert set(deal) == {"id", "person", "stage"}
    assert len(deal) == 3


def test_error_of_a_lookup_reaches_the_caller_as_it_is() -> None:
    def load(key: str) -> Any:
        raise UnavailableError("The target is down.")

    context = {"deal": LazyMapping({}, ["person"], load)}
    for source in ("{{ deal.person.name }}", "{{ deal.person | json }}"):
        with pytest.raises(UnavailableError):
            render(compile_value(source), context)


# -- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ deal.person.email }}", {("deal", "person", "email")}),
        ("{{ deal.custom['Roof type'] | upper }}", {("deal", "custom", "Roof type")}),
        ("{{ deal.emails[0].value }}", {("deal", "emails", "0", "value")}),
        ("Hi {{ deal.person.name.upper() }}", {("deal", "person", "name")}),
        ("{{ deal.custom[deal.key] }}", {("deal", "custom"), ("deal", "key")}),
        ("{{ a.b if c.d else e.f }}", {("a", "b"), ("c", "d"), ("e", "f")}),
        ("{{ a | lookup({'x': b.c}, d) }}", {("a",), ("b", "c"), ("d",)}),
        ("{% set p = deal.person %}{{ p.name }}", {("deal", "person", "name")}),
        (
            "{% for p in deal.products %}{{ p.name }}{{ loop.index }}{% endfor %}",
            {("deal", "products"), ("deal", "products", "name")},
        ),
        ("{% for k, v in a.b | items %}{{ k.x }}{{ v.y }}{% endfor %}", {("a", "b")}),
        ("{% with q = a.b %}{{ q.c }}{% endwith %}{{ q.d }}", {("a", "b", "c"), ("q", "d")}),
        ("{% if a.b %}{% set x = c.d %}{% endif %}{{ x.e }}", {("a", "b"), ("c", "d", "e")}),
        ("{{ range(a.b) }}", {("a", "b")}),
        ("constant", set()),
        (5, set()),
    ],
)
def test_paths_say_what_is_read(source: Any, paths: set[tuple[str, ...]]) -> None:
    template = compile_value(source)
    assert template.paths == paths
    assert template.names == {path[0] for path in paths}


# -- expressions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["deal.value > 1000", "{{ deal.value > 1000 }}", "  {{ deal.value > 1000 }}\n"]
)
def test_expression_is_written_with_or_without_braces(source: str) -> None:
    assert render(compile_expression(source), CONTEXT) is True


@pytest.mark.parametrize(
    "source", ["{{ a }} {{ b }}", "a }} {{ b", "{% if a %}{% endif %}", "", "{{ a }} text", "}}", "a }} x"]
)
def test_anything_but_one_expression_is_refused(source: str) -> None:
    with pytest.raises(MappingError):
        compile_expression(source)


def test_expression_given_as_a_constant_is_one() -> None:
    assert render(compile_expression(True), {}) is True


# -- the object -----------------------------------------------------------------------------------


def test_template_is_immutable_and_compiled_once() -> None:
    template = compile_value("{{ deal.value }}")
    with pytest.raises(AttributeError, match="immutable"):
        template.source = "x"
    with pytest.raises(AttributeError, match="immutable"):
        del template.source
    assert compile_value("{{ deal.value }}") is template
    assert copy.deepcopy(template) is template
    assert pickle.loads(pickle.dumps(template)) is template
    assert compile_value([template])[0] is template
    assert repr(template) == "Template('{{ deal.value }}')"


def test_threads_render_one_template_side_by_side() -> None:
    template = compile_value("{% for i in range(50) %}{% set x = n * i %}{{ x }} {% endfor %}")
    wanted = {n: " ".join(str(n * i) for i in range(50)) + " " for n in range(8)}
    wrong: list[int] = []

    def work(n: int) -> None:
        wrong.extend(n for _ in range(50) if render(template, {"n": n}) != wanted[n])

    threads = [threading.Thread(target=work, args=(n,)) for n in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rendered_list_is_a_copy() -> None:
    value = rendered("{{ deal.labels }}")
    value.append("x")
    assert CONTEXT["deal"]["labels"] == ["hot", "new"]


def test_plain_tree_is_checked_like_a_template() -> None:
    assert isinstance(compile_value("a"), Template)
    with pytest.raises(MappingError, match="too large or not a number"):
        compile_value(float("nan"))


# -- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (float("nan"), "not a number"),
        (float("inf"), "too large"),
        (10**30, "more than 30 digits"),
        ("x" * 65_537, "larger than 64 KB"),
        ("é" * 40_000, "larger than 64 KB"),
        (["x"] * 10_001, "more than 10,000 items"),
        ({"a": "x" * 40_000, "b": "x" * 40_000}, "larger than 64 KB"),
    ],
)
def test_value_out_of_bounds_is_refused(value: Any, fact: str) -> None:
    assert fact in refusal("{{ x }}", {"x": value})


def test_value_at_the_bounds_passes() -> None:
    assert len(rendered("{{ x }}", {"x": "x" * 65_536})) == 65_536
    assert rendered("{{ x }}", {"x": 10**30 - 1}) == 10**30 - 1


def test_nesting_is_bounded() -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert rendered("{{ x }}", {"x": value}) == value
    assert "nested more than 64" in refusal("{{ x }}", {"x": [value]})


def test_half_characters_are_replaced() -> None:
    assert rendered("{{ x }}", {"x": "a\ud800b"}) == "a\ufffdb"
    assert rendered("<{{ x }}>", {"x": "\udfff"}) == "<\ufffd>"
    assert rendered("{{ x }}", {"x": {"\ud800": ["\ud83d\ude00"]}}) == {"\ufffd": ["😀"]}
