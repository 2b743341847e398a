"""What a template may read: plain JSON under the promised names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from automations.engine.context import Envelope, build_context, iso, known_names, with_item
from automations.engine.contracts import Occurrence

THING = Occurrence(
    "thing.changed",
    "thing",
    {"id": 1, "n": 2, "same": 3},
    {"n": 1, "same": 3},
    "thing:1",
    related={"owner": {"id": 7}},
)


def test_a_record_stands_under_both_its_names_with_what_belongs_to_it() -> None:
    context = build_context(THING, Envelope(id=5, trigger="t", occurred_at="2026-11-22T10:00:00.000Z"))
    assert context["thing"] == context["record"] == {"id": 1, "n": 2, "same": 3, "owner": {"id": 7}}
    assert (context["previous"], context["changed"]) == ({"n": 1, "same": 3}, ["n"])
    assert (context["event"]["id"], context["now"]) == (5, "2026-11-22T10:00:00.000Z")


def test_what_was_looked_up_for_this_run_lies_over_the_samples_own() -> None:
    context = build_context(THING, Envelope(), related={"owner": {"id": 9}})
    assert context["thing"]["owner"] == {"id": 9}


def test_a_new_record_has_no_previous_values() -> None:
    fresh = Occurrence("thing.added", "thing", {"id": 1})
    context = build_context(fresh, Envelope(received_at="r"))
    assert (context["previous"], context["changed"], context["now"]) == ({}, [], "r")


def test_the_loop_tells_where_it_is() -> None:
    loop = [with_item({}, item, index, 3)["loop"] for index, item in enumerate("abc")]
    assert [(one["index"], one["first"], one["last"]) for one in loop] == [
        (1, True, False), (2, False, False), (3, False, True),
    ]  # fmt: skip


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    assert iso(at.astimezone(UTC)) == "2026-11-22T10:00:00.123Z"
    assert iso(None) == ""


def test_the_names_that_are_known_are_those_that_are_there() -> None:
    context = with_item(build_context(THING, Envelope()), "x", 0, 1)
    assert known_names("thing", in_loop=True) >= set(context)
    assert "item" not in known_names("thing")
