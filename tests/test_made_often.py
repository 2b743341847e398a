"""A dataclass that is made often is like any other frozen one, but for the time it takes."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature
from typing import Any

import pytest

from automations.made_often import made_often


@dataclass(frozen=True)
class Usual:
    """A frozen dataclass as Python makes it."""

    name: str
    own: int
    given: Any = None
    notes: list[str] = field(default_factory=list)
    _value: int = 7
    secret: str = field(default="", repr=False, compare=False)


@made_often
@dataclass(frozen=True)
class Often:
    """The same, made often."""

    name: str
    own: int
    given: Any = None
    notes: list[str] = field(default_factory=list)
    _value: int = 7
    secret: str = field(default="", repr=False, compare=False)


GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a", 1), {}),
    (("a", 1, {"x": 1}, ["b"], 3, "hush"), {}),
    ((), {"own": 2, "name": "b", "secret": "hush"}),
    (("a",), {"own": 3, "notes": []}),
]


@pytest.mark.parametrize(("args", "named"), GIVEN)
def test_it_keeps_what_it_is_given_as_the_usual_one_does(
    args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    usual, often = Usual(*args, **named), Often(*args, **named)

    assert [getattr(often, each.name) for each in fields(Often)] == [
        getattr(usual, each.name) for each in fields(Usual)
    ]
    assert repr(often) == repr(usual).replace("Usual", "Often")


@pytest.mark.parametrize(("args", "named"), [((), {}), (("a",), {}), (("a", 1), {"other": 2})])
def test_it_refuses_what_the_usual_one_refuses(args: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as usual:
        Usual(*args, **named)
    with pytest.raises(TypeError) as often:
        Often(*args, **named)

    assert str(often.value) == str(usual.value).replace("Usual", "Often")


def test_nobody_changes_it() -> None:
    often = Often("a", 1)

    with pytest.raises(FrozenInstanceError):
        often.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del often.name  # type: ignore[misc]


def test_each_gets_a_list_of_its_own() -> None:
    assert Often("a", 1).notes is not Often("a", 1).notes


def test_it_is_compared_copied_and_stored_like_the_usual_one() -> None:
    often = Often("a", 1, secret="hush")

    assert often == Often("a", 1)
    assert often != Often("a", 2)
    assert replace(often, own=2) == Often("a", 2)
    assert pickle.loads(pickle.dumps(often)) == often


def test_it_is_asked_for_the_same_fields_in_the_same_order() -> None:
    assert list(signature(Often).parameters) == list(signature(Usual).parameters)


def test_only_simple_frozen_dataclasses_are_made_often() -> None:
    class Plain:
        pass

    @dataclass
    class Changing:
        name: str

    @dataclass(frozen=True, slots=True)
    class Slotted:
        name: str

    @dataclass(frozen=True)
    class Checked:
        name: str

        def __post_init__(self) -> None:
            raise AssertionError(self.name)

    @dataclass(frozen=True, kw_only=True)
    class Named:
        name: str

    for refused in (Plain, Changing, Slotted, Checked, Named):
        with pytest.raises(TypeError, match=refused.__name__):
            made_often(refused)
