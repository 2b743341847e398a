from __future__ import annotations

from typing import Any

import pytest

from automations.engine.templating import FILTERS, MISSING, TESTS, FilterDoc, compile_value, render
from automations.errors import MappingError

PROMISED = """
normalize_email e164 as_number as_integer as_boolean as_date as_datetime iso epoch epoch_ms
format_date split_name first_name last_name money lookup coalesce flatten json from_json sha256 slug
strip_html truncate_bytes default lower upper title capitalize trim replace join first last length
list sort unique map select reject selectattr rejectattr sum min max round int float string abs
reverse items truncate wordcount urlencode escape batch tojson count d e
"""
DANGEROUS = """
attr pprint xmlattr urlize striptags safe indent center wordwrap groupby random filesizeformat
format forceescape
"""


def rendered(source: str, **context: Any) -> Any:
    return render(compile_value(source), context)


def refusal(source: str, **context: Any) -> str:
    with pytest.raises(MappingError) as caught:
        rendered(source, **context)
    return caught.value.message


@pytest.mark.parametrize("name", PROMISED.split())
def test_promised_filter_exists(name: str) -> None:
    assert name in FILTERS


@pytest.mark.parametrize("name", DANGEROUS.split())
def test_dangerous_filter_of_jinja_does_not_exist(name: str) -> None:
    assert name not in FILTERS
    assert f"There is no filter '{name}'" in refusal("{{ 'a' | " + name + " }}")


@pytest.mark.parametrize("doc", [*FILTERS.values(), *TESTS.values()], ids=lambda doc: doc.name)
def test_documented_example_gives_its_result(doc: FilterDoc) -> None:
    result = rendered(doc.example)
    assert result == doc.result
    assert type(result) is type(doc.result)


@pytest.mark.parametrize("doc", [*FILTERS.values(), *TESTS.values()], ids=lambda doc: doc.name)
def test_documentation_is_one_sentence_and_its_signature_starts_with_the_name(doc: FilterDoc) -> None:
    assert doc.doc.endswith(".")
    assert doc.doc.count(". ") == 0
    assert doc.signature.startswith(doc.name)
    assert doc.group


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"default", "d", "coalesce"}))
def test_missing_value_stays_missing(name: str) -> None:
    arguments = FILTERS[name].example.partition(name)[2]
    call = arguments[: arguments.index(")") + 1] if arguments.startswith("(") else ""
    source = "{{ x.nope | " + name + call + " }}"
    if call.count("(") != call.count(")"):
        source = "{{ x.nope | " + name + " }}"
    assert rendered(source, x={}) is MISSING


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        (" 5.50 ", 5.5),
        ("1,234", 1234),
        ("1,234,567", 1234567),
        ("1,234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1.234.567", 1234567),
        ("1,5", 1.5),
        ("1.234", 1.234),
        ("1 234,5", 1234.5),
        ("1\u00a0234", 1234),
        ("1'234.50", 1234.5),
        ("€ 99", 99),
        ("99 €", 99),
        ("EUR 99.90", 99.9),
        ("$1,000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        (7, 7),
        (7.5, 7.5),
    ],
)
def test_number_is_read_from_how_people_write_it(text: Any, number: float) -> None:
    result = rendered("{{ x | as_number }}", x=text)
    assert result == number
    assert type(result) is type(number)


@pytest.mark.parametrize(
    "text", ["abc", "", "1,2,3.4.5", "12 apples", "1e999", "NaN", "0x10", True, [1], {}, "--5", "٣"]
)
def test_what_is_no_number_is_refused(text: Any) -> None:
    assert len(refusal("{{ x | as_number }}", x=text)) > 20


def test_whole_numbers_are_whole() -> None:
    assert rendered("{{ x | as_integer }}", x="12") == 12
    assert rendered("{{ x | as_integer }}", x=12.0) == 12
    assert "is not a whole number" in refusal("{{ x | as_integer }}", x=12.5)
    assert rendered("{{ x | int }}", x="12.9") == 12
    assert rendered("{{ x | int(0) }}", x="abc") == 0
    assert "give a default" in refusal("{{ x | int }}", x="abc")
    assert rendered("{{ x | float }}", x="12") == 12.0


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("true", True), ("NO", False), (1, True), (0, False), (" on ", True), (False, False)],
)
def test_boolean_is_read(value: Any, wanted: bool) -> None:
    assert rendered("{{ x | as_boolean }}", x=value) is wanted


def test_what_is_no_boolean_is_refused() -> None:
    assert refusal("{{ x | as_boolean }}", x="maybe").startswith("'maybe' is neither true nor false.")


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("2.5 | round", 3),
        ("-2.5 | round", -3),
        ("2.675 | round(2)", 2.68),
        ("1234 | round(-2)", 1200),
        ("2.1 | round(0, 'ceil')", 3),
        ("2.9 | round(0, 'floor')", 2),
        ("5 | round(2)", 5),
        ("0.1 + 0.2", 0.3),
        ("1.1 * 3", 3.3),
        ("5000 * 1.19", 5950.0),
        ("7 // 2", 3),
        ("7 % 4", 3),
        ("2 ** 10", 1024),
        ("1234567.891 | money('usd')", "1,234,567.89 USD"),
        ("1234.5 | money('JPY')", "1,235 JPY"),
        ("1.2345 | money('KWD')", "1.235 KWD"),
        ("'1.234,50' | money('EUR')", "1,234.50 EUR"),
    ],
)
def test_arithmetic_is_that_of_paper(written: str, result: Any) -> None:
    assert rendered("{{ " + written + " }}") == result


def test_unknown_currency_is_refused() -> None:
    assert "is not a currency" in refusal("{{ 5 | money('Euro') }}")
    assert rendered("{{ 5 | money(x.nope) }}", x={}) is MISSING


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("Anna@Example.COM", "anna@example.com"),
        ("\u200banna@example.com\u00a0", "anna@example.com"),
        ("mailto:anna@example.com", "anna@example.com"),
        ("o'brien+x@mail.example.co.uk", "o'brien+x@mail.example.co.uk"),
        ("josé@exämple.de", "josé@exämple.de"),
    ],
)
def test_email_is_normalized(address: str, result: str) -> None:
    assert rendered("{{ x | normalize_email }}", x=address) == result


@pytest.mark.parametrize(
    "address", ["anna", "anna@", "@b.de", "a b@c.de", "a@b", "a@b.de, c@d.de", "a@@b.de", "", 5, ["a@b.de"]]
)
def test_what_is_no_email_is_refused(address: Any) -> None:
    assert "is not an e-mail address" in refusal("{{ x | normalize_email }}", x=address)


@pytest.mark.parametrize(
    ("number", "region", "result"),
    [
        ("030 901820", "'DE'", "+4930901820"),
        ("+49 (0)30 901820", "'FR'", "+4930901820"),
        ("(212) 555-0100", "'us'", "+12125550100"),
        ("0049 30 901820", "'DE'", "+4930901820"),
        ("+44 20 7946 0958", "", "+442079460958"),
    ],
)
def test_phone_number_becomes_e164(number: str, region: str, result: str) -> None:
    source = "{{ x | e164(" + region + ") }}"
    assert rendered(source, x=number) == result


def test_what_is_no_phone_number_is_refused_with_the_way_out() -> None:
    message = refusal("{{ 'abc' | e164('DE') }}")
    assert message.startswith("'abc' is not a phone number in DE. Write the number with its country code")
    assert "is not a country" in refusal("{{ '030' | e164('Germany') }}")
    assert "is not a phone number" in refusal("{{ '030 901820' | e164 }}")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Anna Schmidt", "Anna", "Schmidt"),
        ("Anna Maria Schmidt", "Anna Maria", "Schmidt"),
        ("Schmidt, Anna", "Anna", "Schmidt"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Maria de la Cruz", "Maria", "de la Cruz"),
        ("  Cher  ", "Cher", None),
        ("van Gogh", "van", "Gogh"),
    ],
)
def test_name_is_split(name: str, first: str, last: str | None) -> None:
    assert rendered("{{ x | split_name }}", x=name) == {"first": first, "last": last}
    assert rendered("{{ x | first_name }}", x=name) == first
    assert rendered("{{ x | last_name }}", x=name) == (MISSING if last is None else last)


@pytest.mark.parametrize(
    ("value", "written", "result"),
    [
        ("2027-03-31", "as_date", "2027-03-31"),
        ("31.03.2027", "as_date", "2027-03-31"),
        ("2027-03-31 23:30:00", "as_date", "2027-03-31"),
        (1806485400, "as_date", "2027-03-31"),
        (1806485400123, "iso", "2027-03-31T09:30:00.123Z"),
        ("1806485400", "iso", "2027-03-31T09:30:00Z"),
        ("2027-03-31T11:30:00+02:00", "iso", "2027-03-31T09:30:00Z"),
        ("2027-03-31 11:30:00 +0200", "iso", "2027-03-31T09:30:00Z"),
        ("2027-03-31T09:30:00.5Z", "iso", "2027-03-31T09:30:00.500Z"),
        ("2027-03-31", "iso", "2027-03-31"),
        ("2027-03-31 09:30:00", "as_datetime", "2027-03-31T09:30:00Z"),
        ("2027-03-31 09:30", "as_datetime('Europe/Berlin')", "2027-03-31T07:30:00Z"),
        ("2027-01-31 09:30", "as_datetime('Europe/Berlin')", "2027-01-31T08:30:00Z"),
        ("2027-03-31", "as_datetime('Europe/Berlin')", "2027-03-30T22:00:00Z"),
        ("2027-03-31T09:30:00Z", "epoch", 1806485400),
        ("2027-03-31", "epoch", 1806451200),
        ("2027-03-31T09:30:00.250Z", "epoch_ms", 1806485400250),
        ("1969-12-31T23:59:59Z", "epoch", -1),
        ("2027-03-31T22:30:00Z", "format_date('%A, %d %B %I:%M %p', 'Europe/Berlin')", "Thursday, 01 April 12:30 AM"),
        ("2027-03-31T22:30:00Z", "format_date('%a %b %Z %z', 'Europe/Berlin')", "Thu Apr CEST +0200"),
        ("2027-03-31", "format_date('%d.%m.%y', 'America/New_York')", "31.03.27"),
        ("2027-03-31", "format_date('%j %V %u 100%%')", "090 13 3 100%"),
    ],
)  # fmt: skip
def test_dates_are_read_and_written(value: Any, written: str, result: Any) -> None:
    assert rendered("{{ x | " + written + " }}", x=value) == result


@pytest.mark.parametrize(
    "value",
    ["tomorrow", "03/31/2027", "2027-13-01", "2027-02-30", "", "2027-03-31T25:00:00Z", True, [], 10**20],
)
def test_what_is_no_date_is_refused(value: Any) -> None:
    assert "is not a date or time" in refusal("{{ x | as_date }}", x=value)


def test_unknown_zone_and_pattern_are_refused_with_the_nearest() -> None:
    assert "Did you mean 'Europe/Berlin'?" in refusal("{{ '2027-03-31' | as_datetime('Europe/Berln') }}")
    assert "'%Q' is not a part of a date" in refusal("{{ '2027-03-31' | format_date('%Q') }}")


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("'<p>One</p><p>Two<br>Three</p>' | strip_html", "One\nTwo\nThree"),
        ("'a<script>alert(1)</script>b<style>p{}</style>c<!-- d -->e' | strip_html", "abce"),
        ("'a < b &lt;3 &amp;amp;' | strip_html", "a < b <3 &amp;"),
        ("'a<SCRIPT src=x>1</SCRIPT >b' | strip_html", "ab"),
        ("'a<script>never closed' | strip_html", "a"),
        ("'Äpfel & Öl, 2 Stück!' | slug", "aepfel-oel-2-stueck"),
        ("'été à Paris' | slug", "ete-a-paris"),
        ("'日本' | slug", ""),
        ("'Zoë€' | truncate_bytes(4)", "Zoë"),
        ("'Zoë€' | truncate_bytes(7)", "Zoë€"),
        ("'abc' | truncate_bytes(0)", ""),
        ("'anna-maria o\\'neil' | title", "Anna-Maria O'neil"),
        ("'a b' | urlencode", "a%20b"),
        ("{'a b': 'c&d', 'e': 1} | urlencode", "a%20b=c%26d&e=1"),
        ("'x' | truncate(5)", "x"),
        ("'one two three' | truncate(8, false, '...')", "one t..."),
        ("'xxabcxx' | trim('x')", "abc"),
        ("'aaa' | replace('a', 'b', 2)", "bba"),
        ("5 | upper", "5"),
        ("{'a': {'b': {'c': 1}}, 'd': [1, 2]} | flatten", {"a.b.c": 1, "d": [1, 2]}),
        ("{'a': [{'b': 1}, {'b': 2}]} | flatten('_')", {"a_0_b": 1, "a_1_b": 2}),
        ("[1, [2, [3]]] | flatten", [1, 2, 3]),
        ("{} | flatten", {}),
        ("'{\"a\": [1, null]}' | from_json", {"a": [1, None]}),
        ("'x' | lookup({'y': 1}, 'none')", "none"),
        ("true | lookup({'true': 'yes'})", "yes"),
        ("[3, none, 1] | sort", [None, 1, 3]),
        ("['b', 'A', 'c'] | sort", ["A", "b", "c"]),
        ("['b', 'A'] | sort(case_sensitive=true, reverse=true)", ["b", "A"]),
        ("[{'n': 2}, {'n': 1}] | sort(attribute='n')", [{"n": 1}, {"n": 2}]),
        ("[{'a': {'b': 'x'}}] | map(attribute='a.b')", ["x"]),
        ("[{'a': 1}, {}] | map(attribute='a', default=0)", [1, 0]),
        ("[{'a': 1}, {}] | map(attribute='a')", [1]),
        ("[{'a': 1}, {}] | join(', ', attribute='a')", "1"),
        ("['a', none, 2, true] | join('-')", "a-2-true"),
        ("[1, 2, 3, 4] | select('gt', 2)", [3, 4]),
        ("[{'s': 'open'}, {'s': 'won'}, {}] | selectattr('s', 'equalto', 'open')", [{"s": "open"}]),
        ("[{'s': 'open'}, {}] | rejectattr('s', 'ne', 'open')", [{"s": "open"}]),
        ("[{'s': 'open'}, {}] | selectattr('s', 'defined')", [{"s": "open"}]),
        ("[1.5, 2.5] | sum", 4.0),
        ("[{'p': 1}, {}] | sum('p', 10)", 11),
        ("[] | sum", 0),
        ("[{'n': 2}, {'n': 5}, {}] | max(attribute='n')", {"n": 5}),
        ("[{'n': 2}, {'n': 2}, {'n': 3}] | unique(attribute='n')", [{"n": 2}, {"n": 3}]),
        ("[1, true, '1', [1], [1]] | unique", [1, True, "1", [1]]),
        ("{'a': 1} | length", 1),
        ("[1, 2, 3] | batch(2, 0)", [[1, 2], [3, 0]]),
        ("'abc' | reverse", "cba"),
    ],
)
def test_filter_does_what_it_says(written: str, result: Any) -> None:
    assert rendered("{{ " + written + " }}") == result


@pytest.mark.parametrize(
    ("written", "fact"),
    [
        ("[1] | upper", "'upper' needs a text, but found a list"),
        ("5 | first", "'first' needs a list, but found 5"),
        ("5 | length", "'length' needs a list or a text"),
        ("[1, 'a'] | sort", "needs all numbers or all texts"),
        ("[1, 'a'] | sum", "'sum' needs a number, but found 'a'"),
        ("'a' | abs", "'abs' needs a number"),
        ("5 | items", "'items' needs an object"),
        ("5 | flatten", "'flatten' needs an object or a list"),
        ("'{' | from_json", "'{' is not JSON text"),
        ("'a' | lookup('b')", "'lookup' needs a table"),
        ("'a' | truncate_bytes(-1)", "whole number from 0"),
        ("'a' | replace('b')", "'replace' is written replace(old, new, count)"),
        ("'a' | e164('DE', 1)", "'e164' is written e164(region)"),
        ("'a' | normalise_email", "Did you mean 'normalize_email'?"),
        ("['a'] | map('uper')", "Did you mean 'upper'?"),
        ("'a' is nummber", "Did you mean 'number'?"),
        ("1 / 0", "cannot be divided by zero"),
        ("'a' * 3", "'*' needs numbers, but found 'a'"),
        ("'a' + 1", "Join texts with '~'"),
        ("'a' < 1", "cannot compare a text with a number"),
        ("'a' is even", "needs a whole number"),
    ],
)
def test_wrong_value_is_refused_saying_what_was_found_and_wanted(written: str, fact: str) -> None:
    assert fact in refusal("{{ " + written + " }}")


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("'10' > 9", True),
        ("'10' > '9'", True),
        ("'2027-03-31T00:30:00+02:00' < '2027-03-31'", True),
        ("'2027-03-31 10:00:00' < '2027-03-31T11:00:00Z'", True),
        ("'b' > 'a'", True),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("1 == 1.0", True),
        ("'1' == 1", False),
        ("[1, 2] == [1, 2]", True),
        ("2 in [1, 2]", True),
        ("'a' in 'abc'", True),
        ("'k' in {'k': 1}", True),
        ("7 in {'7': 1}", True),
        ("3 not in [1, 2]", True),
        ("[1] + [2]", [1, 2]),
        ("'a' + 'b'", "ab"),
        ("1 ~ 'a' ~ true ~ 2.0", "1atrue2"),
        ("'abcdef'[1:4:2]", "bd"),
        ("[1, 2, 3][::-1]", [3, 2, 1]),
        ("range(3)", [0, 1, 2]),
        ("range(6, 0, -2)", [6, 4, 2]),
    ],
)
def test_operators_work_as_people_expect(written: str, result: Any) -> None:
    assert rendered("{{ " + written + " }}") == result
