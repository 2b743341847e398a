"""Whose change an event tells: every value that changed must be one that we wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from automations.engine.contracts import Imprint, Verb
from automations.engine.footprints import Author, Footprint, digests_of
from automations.engine.own_changes import UNDECIDED, whose

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def wrote(
    verb: Verb = Verb.CHANGE,
    subject: str = "deal:1",
    run: int = 7,
    ago_s: float = 5,
    answered: bool = True,
    **values: Any,
) -> Footprint:
    at = NOW - timedelta(seconds=ago_s)
    return Footprint(subject, str(verb), digests_of(values), Author(run, 1, "3", 0), answered, at)


def changed(follows: dict[str, frozenset[str]] | None = None, **values: Any) -> Imprint:
    return Imprint("deal", Verb.CHANGE, "deal:1", values, follows or {})


def created(**values: Any) -> Imprint:
    return Imprint("deal", Verb.CREATE, "deal:9", values)


def run_of(answer: Any) -> int | None:
    return answer.author.run_id if isinstance(answer, Footprint) else None


def test_a_change_to_what_we_wrote_is_ours() -> None:
    assert run_of(whose(changed(title="A"), [wrote(title="A")], NOW)) == 7


def test_another_value_or_another_field_is_somebody_elses() -> None:
    assert whose(changed(title="B"), [wrote(title="A")], NOW) is None
    assert whose(changed(value=1.0), [wrote(title="A")], NOW) is None


def test_a_person_who_changes_one_field_more_is_not_lost() -> None:
    assert whose(changed(title="A", value=2.0), [wrote(title="A")], NOW) is None


def test_two_writes_told_in_one_event_are_ours_and_the_later_one_is_named() -> None:
    writes = [wrote(run=7, ago_s=9, title="A"), wrote(run=8, ago_s=3, value=2.0)]
    assert run_of(whose(changed(title="A", value=2.0), writes, NOW)) == 8


def test_an_echo_is_known_although_we_have_written_again_since() -> None:
    writes = [wrote(run=7, ago_s=9, title="A"), wrote(run=8, ago_s=3, title="B")]
    assert run_of(whose(changed(title="A"), writes, NOW)) == 7


def test_what_follows_from_our_field_is_ours_and_alone_it_is_not() -> None:
    follows = {"pipeline": frozenset({"stage"})}
    assert run_of(whose(changed(follows, stage=3, pipeline=2), [wrote(stage=3)], NOW)) == 7
    assert whose(changed(follows, pipeline=2), [wrote(stage=3)], NOW) is None


def moved(**derived: set[str]) -> Imprint:
    movers = {name: frozenset(names) for name, names in derived.items()}
    return Imprint("deal", Verb.CHANGE, "deal:1", derived=movers)


def test_what_nobody_can_write_is_ours_only_soon_after_we_wrote_what_moves_it() -> None:
    count = moved(activities_count={"activity"})
    assert run_of(whose(count, [wrote(Verb.TOUCH, activity=None)], NOW)) == 7
    assert whose(count, [wrote(Verb.TOUCH, ago_s=301, activity=None)], NOW) is None
    assert whose(count, [], NOW) is None


def test_a_count_that_moved_beside_our_write_is_somebody_elses() -> None:
    assert whose(moved(activities_count={"activity"}), [wrote(title="A")], NOW) is None
    assert whose(moved(unheard_of=set()), [wrote(title="A")], NOW) is None
    both = moved(activities_count={"activity"}, files_count=set())
    assert whose(both, [wrote(Verb.TOUCH, activity=None)], NOW) is None


def test_a_new_record_is_known_by_its_id_when_the_reply_told_it() -> None:
    assert run_of(whose(created(title="A"), [wrote(Verb.CREATE, "deal:9", title="A")], NOW)) == 7


def test_a_new_record_like_one_that_we_are_making_waits_for_the_reply() -> None:
    writing = [wrote(Verb.CREATE, "deal:", answered=False, title="A")]
    assert whose(created(title="A", value=5.0), writing, NOW) is UNDECIDED
    assert whose(created(title="B"), writing, NOW) is None


def test_a_reply_that_never_came_is_decided_by_the_values() -> None:
    lost = [wrote(Verb.CREATE, "deal:", answered=False, ago_s=61, title="A")]
    assert run_of(whose(created(title="A"), lost, NOW)) == 7
    unknown = [wrote(Verb.CREATE, "deal:", answered=True, title="A")]
    assert run_of(whose(created(title="A"), unknown, NOW)) == 7


def test_deletes_and_merges_are_known_by_their_record() -> None:
    gone = Imprint("deal", Verb.DELETE, "deal:1")
    assert run_of(whose(gone, [wrote(Verb.DELETE)], NOW)) == 7
    assert whose(gone, [wrote(title="A")], NOW) is None


_VALUES = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 3), min_size=1)


@given(_VALUES, st.lists(_VALUES, max_size=4))
def test_no_value_that_we_never_wrote_is_ever_taken_for_ours(
    event: dict[str, int], writes: list[dict[str, int]]
) -> None:
    answer = whose(changed(**event), [wrote(**values) for values in writes], NOW)
    covered = all(any(values.get(name) == value for values in writes) for name, value in event.items())
    assert (answer is not None) == covered
