"""What a class must have before it is taken; the registry's own tests go through files."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from automations.engine.admission import faults_of
from automations.engine.contracts import (
    Action,
    ActionFields,
    ConnectionKind,
    Occurrence,
    Trigger,
    TriggerFields,
    field,
)


class Bell(ConnectionKind):
    """A bell."""

    kind = "bell"
    title = "Bell"


class BellRung(Trigger):
    """The bell was rung."""

    key = "bell.rung"
    title = "Bell rung"
    sentence = "the bell is rung"
    connection = Bell
    topics = ("bell.ring",)
    entity = "bell"
    sample = Occurrence("bell.ring", "bell", {"id": 1})


class Ring(Action):
    """Ring it.

    Source: Bell manual, read 2026-03-01.
    """

    key = "bell.ring"
    title = "Ring"
    sentence = "ring the bell"
    connection = Bell
    examples = ({"times": 2},)

    class Fields(ActionFields):
        times: int | None = field("Times", default=None, one_of="amount")
        forever: bool | None = field("For ever", default=None, one_of="amount")


def but(part: type[Any], **changes: Any) -> list[str]:
    """Return the faults of a class that differs from a good one."""
    return faults_of(type(part.__name__, (part,), {"__doc__": part.__doc__, **changes}), [Bell])


def test_good_parts_have_no_faults() -> None:
    assert but(Bell) == but(BellRung) == but(Ring) == []


def test_a_docstring_is_not_inherited() -> None:
    assert "no docstring" in faults_of(type("Ring", (Ring,), {}), [Bell])[0]


@pytest.mark.parametrize("key", ["ring", "Bell.ring", "bell.ring.twice", "bell.", "bell.ring\n", "", None, 7])
def test_keys_are_two_words(key: Any) -> None:
    assert "key must be word.word" in but(Ring, key=key)[0]
    assert "key must be word.word" in but(BellRung, key=key)[0]


def test_an_unregistered_connection_is_a_fault() -> None:
    assert "no registered connection kind" in faults_of(Ring, [])[0]
    assert "no registered connection kind" in faults_of(BellRung, [])[0]


def test_only_engine_and_http_actions_need_no_source() -> None:
    assert "Source" in but(Ring, __doc__="Ring it.")[0]
    assert but(Ring, __doc__="Ring it.", key="http.ring") == []
    assert but(Ring, __doc__="Ring it.", connection=None) == []


def test_narrowing_is_optional() -> None:
    class Needy(TriggerFields):
        loud: bool = field("Loud")

    assert "always optional" in but(BellRung, Fields=Needy)[0]


def test_alternatives_come_in_twos_and_are_optional() -> None:
    class Alone(ActionFields):
        times: int = field("Times", one_of="amount")

    faults = but(Ring, Fields=Alone)
    assert "needs a default" in faults[0]
    assert "only one field" in faults[1]


def test_every_fault_is_told_at_once() -> None:
    class Bare(Action):
        examples: ClassVar[Any] = ()

    assert len(faults_of(Bare, [Bell])) >= 6
