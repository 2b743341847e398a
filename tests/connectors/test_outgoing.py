import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.connectors.outgoing import make_headers, make_payload, read_method, write_json
from automations.errors import RejectedError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_is_written_unchanged(value: Any) -> None:
    assert json.loads(write_json(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [None, {"a": [math.inf]}],
        {"a": -math.inf},
        {"a": {1}},
        "\ud800",
        [2**70, math.nan],
    ],
)
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(RejectedError, match="cannot be written"):
        write_json(value)


def test_too_long_a_number_is_refused() -> None:
    with pytest.raises(RejectedError, match="cannot be written"):
        write_json(10**5000)


def test_no_value_means_no_body() -> None:
    assert make_payload(None, None, "application/json").content is None
    assert make_payload(None, "", None).content == b""
    assert make_payload([], None, "application/vnd.api+json").content_type == "application/vnd.api+json"


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Cookie", "a b", "", "é:"]
)
def test_header_that_is_the_doors_own_or_no_token_is_refused(name: str) -> None:
    with pytest.raises(RejectedError, match="cannot be set"):
        make_headers({name: "x"}, "", None)


@given(st.text(max_size=20))
def test_header_value_is_sent_as_latin_1_or_refused(value: str) -> None:
    if all(c == "\t" or " " <= c <= "~" or "\xa1" <= c <= "\xff" for c in value):
        assert make_headers({"X-A": value}, "", None)["X-A"] == value
    else:
        with pytest.raises(RejectedError, match="value of the header X-A"):
            make_headers({"X-A": value}, "", None)


def test_last_spelling_of_a_header_wins() -> None:
    made = make_headers({"content-TYPE": "a/b", "ACCEPT": "c/d"}, "application/json", None)
    assert [value for name, value in made.items() if name.lower() == "content-type"] == ["a/b"]
    assert [value for name, value in made.items() if name.lower() == "accept"] == ["c/d"]


@pytest.mark.parametrize("method", ["", "CONNECT", "TRACE", "GET /x HTTP/1.1\r\n", "get\n"])
def test_unknown_method_is_refused(method: str) -> None:
    with pytest.raises(RejectedError, match="not supported"):
        read_method(method)
