import base64
import html
import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine.masking import MASK, Masker, is_secret_name

TOKEN = 's3cr3t/+tok en&"é'
MASKER = Masker([TOKEN, "12345678"])

# Short alphabets make overlaps and near misses likely.
SECRETS = st.lists(st.text(st.sampled_from('ab/+% &"\\é•<1.'), min_size=4, max_size=8), max_size=3)
TEXTS = st.text(st.sampled_from('ab/+% &"\\é•<1.?=:token')) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.sampled_from(["token", "Cookie"]), inner)
    ),
    max_leaves=10,
)

SECRET_NAMES = [
    "Authorization",
    "proxy-authorization",
    "COOKIE",
    "set-cookie",
    "x-api-token",
    "X-CleverTap-Passcode",
    "password",
    "hook_password",
    "token",
    "api_token",
    "apiToken",
    "secret",
    "client-secret",
    "api_key",
    "X-Api-Key",
    "write_key",
    "writeKey",
]


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        quote(secret).lower() if quote(secret).lower() != secret.lower() else secret,
        quote_plus(secret),
        base64.b64encode(raw).decode(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode(),
        base64.b64encode(b"user:" + raw).decode(),
        base64.b64encode(b"me@example.com:" + raw).decode(),
        json.dumps(secret)[1:-1],
        html.escape(secret),
    ]


@pytest.mark.parametrize("form", forms(TOKEN))
def test_every_form_of_a_secret_is_masked_by_value(form: str) -> None:
    assert MASKER.text(f"sent <{form}> there") == f"sent <{MASK}> there"
    assert MASKER.value({"echo": [f"x {form}"]}) == {"echo": [f"x {MASK}"]}
    assert MASKER.headers({"X-Echo": form}) == {"X-Echo": MASK}


@given(SECRETS, st.data())
def test_masking_never_leaks_and_is_idempotent(secrets: list[str], data: st.DataObject) -> None:
    masker = Masker(secrets)
    parts = [form for secret in secrets for form in forms(secret)] or [""]
    text = "".join(data.draw(st.lists(TEXTS | st.sampled_from(parts), max_size=5)))
    masked = masker.text(text)
    assert masker.text(masked) == masked
    for secret in secrets:
        for form in forms(secret):
            assert form not in masked


@given(SECRETS, JSON)
def test_values_keep_their_shape_and_leak_nothing(secrets: list[str], value: Any) -> None:
    masker = Masker(secrets)
    masked = masker.value(value)
    assert masker.value(masked) == masked
    assert type(masked) is type(value) or masked == MASK
    shown = json.dumps(masked, ensure_ascii=False)
    for secret in secrets:
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in shown


@given(SECRETS, st.data())
def test_what_is_written_as_json_already_is_masked_like_any_value(
    secrets: list[str], data: st.DataObject
) -> None:
    masker = Masker(secrets)
    parts = [form for secret in secrets for form in forms(secret)] + SECRET_NAMES
    texts = TEXTS | st.sampled_from(parts) | st.sampled_from(["to_ken", "pass-word", "an A_P_I-key"])
    numbers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([1e16, 1.5, 12345678])
    value = data.draw(
        st.dictionaries(
            texts, texts | numbers | st.none() | st.lists(texts | numbers, max_size=3), max_size=4
        )
    )
    with suppress(TypeError, UnicodeEncodeError):
        written = orjson.dumps(value)
        assert masker.json_value(value, written) == masker.value(value)


@pytest.mark.parametrize("secret", ['qw"rt-1234', "ab\\cd-12xy", 'ab<c"d1', "pä sswört\n1"])
def test_a_secret_inside_json_inside_json_is_masked(secret: str) -> None:
    masker = Masker([secret])
    for form in forms(secret):
        value = {"note": form, "nested": json.dumps({"note": form}), "shown": repr(form)}
        masked = masker.json_value(value, orjson.dumps(value))
        assert masked == masker.value(value)
        assert MASK in masked["note"]


def test_what_holds_nothing_to_mask_is_not_copied() -> None:
    record = {"identity": "person-1", "evtData": {"Title": "Coffee machines, floor 1"}}
    assert Masker(["hush-hush"]).json_value(record, orjson.dumps(record)) is record


@pytest.mark.parametrize("name", ["to_ken", "pass-word", "api_k-ey"])
def test_a_secret_name_that_is_written_apart_is_masked_in_json_too(name: str) -> None:
    assert Masker([]).json_value({name: "abc"}, orjson.dumps({name: "abc"})) == {name: MASK}


@given(st.lists(st.text(), max_size=4), st.text(), st.integers(0, 50))
def test_masking_never_raises_and_an_excerpt_keeps_its_limit(
    secrets: list[str], text: str, limit: int
) -> None:
    masker = Masker(secrets)
    masker.text(text)
    assert len(masker.excerpt(text * 20, limit)) <= limit


@given(st.integers(0, 60), st.integers(0, 30))
def test_excerpt_never_shows_half_a_secret(before: int, limit: int) -> None:
    shown = Masker(["abcdefghij"]).excerpt("." * before + "abcdefghij" + "." * 500, limit)
    assert "a" not in shown
    assert "j" not in shown


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://x.test/a?api_token=abc&b=1", "https://x.test/a?api_token=•••&b=1"),
        ("https://x.test/a?b=1&Access-Token=abc#f", "https://x.test/a?b=1&Access-Token=•••#f"),
        ("password=hunter2&user=ada", "password=•••&user=ada"),
        ('{"passcode": "a\\"b", "a": 1}', '{"passcode": "•••", "a": 1}'),
        ('{"passcode":1234,"token":""}', '{"passcode":"•••","token":""}'),
        ("{'Authorization': 'Basic abc'}", "{'Authorization': '•••'}"),
        ("Authorization: Basic dXNlcg==\nAccept: */*", "Authorization: •••\nAccept: */*"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie: •••"),
        ("X-CleverTap-Passcode: ABC-123 next", "X-CleverTap-Passcode: ••• next"),
        ("The password must have 8 characters: try again", "The password must have 8 characters: try again"),
        ("monkey=1&turkey=2", "monkey=1&turkey=2"),
    ],
)
def test_text_is_masked_by_name(text: str, masked: str) -> None:
    assert Masker([]).text(text) == masked


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets_are_known_in_every_spelling(name: str) -> None:
    assert is_secret_name(name)
    assert Masker([]).headers({name: "abc"}) == {name: MASK}
    assert Masker([]).value({name: ["abc"]}) == {name: MASK}


@pytest.mark.parametrize("name", ["key", "name", "passenger", "tokens_used", "Idempotency-Key", "author"])
def test_ordinary_names_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)
    assert Masker([]).value({name: "abc"}) == {name: "abc"}


def test_nothing_under_a_secret_name_stays_nothing() -> None:
    assert Masker([]).value({"token": None, "secret": "", "password": False}) == {
        "token": None,
        "secret": "",
        "password": False,
    }


def test_numbers_and_keys_that_hold_a_secret_are_masked() -> None:
    assert MASKER.value({"code": 12345678, "12345678": 1, "n": 1234567}) == {
        "code": MASK,
        MASK: 1,
        "n": 1234567,
    }


def test_short_secrets_are_masked_only_by_name() -> None:
    assert Masker(["abc", ""]).value({"token": "abc", "note": "abc"}) == {"token": MASK, "note": "abc"}


def test_overlapping_secrets_become_one_mask() -> None:
    assert Masker(["abcdef", "defghi"]).text("<abcdefghi>") == f"<{MASK}>"
    assert Masker(["abcd"]).text("<abcdabcd>") == f"<{MASK}>"


def test_too_deep_values_are_masked_instead_of_raising() -> None:
    deep: Any = "abcdef"
    for _ in range(5000):
        deep = [deep]
    assert "abcdef" not in json.dumps(Masker(["abcdef"]).value(deep))


def test_the_argument_is_not_changed() -> None:
    value = {"token": "x", "list": [TOKEN]}
    MASKER.value(value)
    assert value == {"token": "x", "list": [TOKEN]}


def test_clean_text_is_known_as_clean_and_stays_cheap() -> None:
    body = json.dumps([{"identity": f"{n}@example.com", "name": "Ada"} for n in range(2000)])
    assert MASKER.is_clean(body)
    assert not MASKER.is_clean('{"api_token": 1}')
    assert not MASKER.is_clean(f"x{TOKEN}")
    started = time.thread_time()
    assert MASKER.text(body) == body
    assert time.thread_time() - started < 0.1


def test_hostile_text_takes_no_quadratic_time() -> None:
    for text in (
        "token" * 20_000,
        '"' * 100_000 + "token",
        "a" * 100_000 + "token",
        "x-" * 50_000 + "key",
        "%" * 100_000,
    ):
        started = time.thread_time()
        MASKER.text(text)
        assert time.thread_time() - started < 2


def test_a_key_that_comes_again_is_masked_again() -> None:
    masker = Masker(["Zebra4711"])
    for _ in range(2):
        assert masker.value({"Zebra4711": 1, "plain": 2, "x" * 100: 3}) == {MASK: 1, "plain": 2, "x" * 100: 3}
