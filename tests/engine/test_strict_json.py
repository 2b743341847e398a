"""What a stranger's JSON may be, and what each kind of wrong gets."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine.strict_json import loads, reread
from automations.errors import InputError

WEBHOOK = {
    "meta": {"action": "change", "entity": "deal", "entity_id": "5120", "id": "7c0e", "attempt": 1},
    "data": {
        "id": 5120,
        "title": "Office chairs – Zürich",
        "value": 1840.5,
        "label_ids": [1, 2, 3],
        **{f"field_{n}": f"value {n}" for n in range(20)},
        "custom_fields": {
            f"{n:040x}": {"type": "varchar_options", "id": n, "value": "Flat roof"} for n in range(7)
        },
    },
    "previous": {"stage_id": 3, "update_time": "2026-03-01T10:00:00Z"},
}


def refused(body: bytes, **limits: int) -> InputError:
    with pytest.raises(InputError) as caught:
        loads(body, **limits)
    return caught.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"   ", "bad_json"),
        (b'{"a": 1', "bad_json"),
        (b'{"a": 1,}', "bad_json"),
        (b'{"a": 1} // why', "bad_json"),
        (b'{"a": 1}{"b": 2}', "bad_json"),
        (b"{'a': 1}", "bad_json"),
        (b'"line\nbreak"', "bad_json"),
        (b'"nul\x00"', "bad_json"),
        (b'{"a": NaN}', "bad_number"),
        (b"[Infinity]", "bad_number"),
        (b"-Infinity", "bad_number"),
        (b"[1e400]", "bad_number"),
        (b"-1e400", "bad_number"),
        (b"9" * 4301, "bad_number"),
        (b'{"a": 1, "a": 1}', "duplicate_key"),
        (b'{"x": {"\\u0061": 1, "a": 2}}', "duplicate_key"),
        ('{"a": 1}'.encode("utf-16"), "bad_encoding"),
        ('{"a": 1}'.encode("utf-32-le"), "bad_json"),
        ('"é"'.encode("latin-1"), "bad_encoding"),
        (b'"\xc0\xaf"', "bad_encoding"),
        (b'"\xed\xa0\x80"', "bad_encoding"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        (b"[" * 900_000, "too_deep"),
        (b"[" * 500_000 + b"]" * 500_000, "too_deep"),
        (b"[" + b"0," * 10_000 + b"0]", "too_many_items"),
    ],
)
def test_doubtful_bodies_are_refused_with_400_and_a_stable_code(body: bytes, code: str) -> None:
    error = refused(body)
    assert (error.code, error.status) == (code, 400)
    assert len(error.message) < 80


def test_a_body_over_the_limit_is_413() -> None:
    body = b'"' + b"x" * 1_048_575 + b'"'
    assert (refused(body).code, refused(body).status) == ("too_large", 413)
    assert loads(body, max_bytes=2_000_000) == "x" * 1_048_575


def test_a_refusal_never_repeats_what_was_sent() -> None:
    for body in (
        b'{"passcode-7": 1, "passcode-7": 2}',
        b'{"passcode-7": NaN}',
        b'{"passcode-7": ]',
        b'"passcode-7\xff"',
    ):
        error = refused(body)
        assert "passcode" not in error.message
        assert error.__cause__ is None


def test_limits_are_exact() -> None:
    assert loads(b"[" * 64 + b"]" * 64)
    assert len(loads(b"[" + b"0," * 9_999 + b"0]")) == 10_000
    assert loads(b'[{"a": [1]}]', max_depth=3)
    assert refused(b'[{"a": [1]}]', max_depth=2).code == "too_deep"
    assert loads(b'{"a": [1, 2]}', max_items=3)
    assert refused(b'{"a": [1, 2]}', max_items=2).code == "too_many_items"


def test_brackets_and_commas_inside_texts_do_not_count() -> None:
    text = "[{" * 5_000 + "," * 20_000
    assert loads(json.dumps({"note": text}).encode()) == {"note": text}


def test_integers_stay_exact() -> None:
    assert loads(b"[18446744073709551617, -9007199254740993]") == [18446744073709551617, -9007199254740993]
    assert loads(b"9" * 4300) == int("9" * 4300)


def test_what_no_database_keeps_becomes_the_replacement_character() -> None:
    assert loads(rb'{"a\u0000": ["x\ud800y", "\udc00"]}') == {"a\ufffd": ["x\ufffdy", "\ufffd"]}
    assert loads(rb'"\\u0000 \ud83d\ude00"') == r"\u0000 " + "\U0001f600"


def test_keys_that_become_the_same_are_refused() -> None:
    assert refused(rb'{"\ud800": 1, "\udfff": 2}').code == "duplicate_key"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert loads(b'\xef\xbb\xbf{"a": null}') == {"a": None}
    assert refused(b"\xef\xbb\xbf\xef\xbb\xbf{}").code == "bad_json"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), inner
            )
        ),
        max_leaves=30,
    )
)
def test_honest_json_comes_back_unchanged(value: Any) -> None:
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value
    assert repr(reread(json.dumps(value).encode())) == repr(loads(json.dumps(value).encode()))


ACCEPTED = [
    b"-0", b"-0.0", b"1E5", b"0.1e1", b"1e-400", b"5e-324", b"1.7976931348623157e308", b"0.30000000000000004",
    b"123456789012345678", b"9223372036854775808", b"18446744073709551616", b"-99999999999999999999",
    b"12345678901234567890.5", b"0.12345678901234567890123", b"9" * 4300, b"[" * 64 + b"]" * 64,
    b'"\\u0000"', b'"\\ud800"', b'"\\uD83D\\uDE00"', b'"\\ud83d"', b'{"\\u0000": 1}', b'"caf\\u00e9"', b'"\\\\ud800"',
    b"\xef\xbb\xbf[1]", b' {"a" : [ 1 , null ] }\n', '"\N{GRINNING FACE} \x7f"'.encode(), b'{"": {"": ""}}',
]  # fmt: skip


@pytest.mark.parametrize("body", ACCEPTED, ids=lambda body: ascii(body[:24]))
def test_what_was_accepted_is_read_again_as_it_was(body: bytes) -> None:
    first = loads(body)
    # 1 and 1.0 are equal, and so are 0.0 and -0.0.
    assert repr(reread(body)) == repr(first)


@given(st.text(alphabet='0123456789.eE+-"\\\\ud8{}[]:, \x7fé\n', max_size=40) | st.text(max_size=40))
def test_any_body_that_was_accepted_is_read_again_as_it_was(text: str) -> None:
    for body in (text.encode("utf-8", "replace"), json.dumps([text]).encode()):
        with contextlib.suppress(InputError):
            first = loads(body)
            assert repr(reread(body)) == repr(first)


def test_what_is_damaged_since_is_refused_when_it_is_read_again() -> None:
    with pytest.raises(InputError):
        reread(b'{"a": ')
    with pytest.raises(InputError):
        reread(b'"\xff\\u0041"')


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_an_input_error(body: bytes) -> None:
    with contextlib.suppress(InputError):
        loads(body)


def test_a_usual_webhook_is_read_quickly() -> None:
    body = json.dumps(WEBHOOK).encode()
    assert 1_200 < len(body) < 2_000
    best = min(_seconds_for(body, 200) for _ in range(10))
    # Meant: 40 µs on a quiet core. The bound is wide, so that it only fails when the slow walk runs on every body.
    assert best / 200 < 200e-6


def _seconds_for(body: bytes, times: int) -> float:
    start = time.thread_time()
    for _ in range(times):
        loads(body)
    return time.thread_time() - start
