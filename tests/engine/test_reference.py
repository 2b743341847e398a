"""The reference: read from the declarations, in words that hold."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest

from automations import errors
from automations.engine.contracts import Action, ActionFields, field
from automations.engine.reference import Reference, reference
from automations.engine.reference.entries import action_entry, field_entries, read_docstring
from automations.engine.reference.markdown import COMMAND, as_markdown, field_meaning, field_takes
from automations.engine.registry import Registry


@pytest.fixture(scope="module")
def found() -> Reference:
    return reference(Registry.discover(entry_points=False))


class Wave(Action):
    """Wave at somebody,
    from afar.

    They may wave | back.

    Source: Manual of gestures, read 2026-11-22.
    """

    key = "toy.wave"
    title = "Wave"
    sentence = "wave"
    connection = None
    examples = ({"who": "{{ record.name }}"},)

    class Fields(ActionFields):
        who: str = field("Who", "Their name.", suggest="{{ record.name }}")
        hand: Literal["left", "right"] = field("Hand", default="right", choices=("left", "right"))
        street: str | None = field("Street", default=None, choices="streets", one_of="place")
        town: str | None = field("Town", default=None, one_of="place")
        word: str | None = field("Word", default=None, secret=True)


def test_fields_say_what_they_take() -> None:
    words = {entry.name: field_takes(entry) for entry in field_entries(Wave.Fields)}
    assert words == {
        "who": "a text, required",
        "hand": 'one of left, right, default `"right"`',
        "street": "a text, this or `town`",
        "town": "a text, this or `street`",
        "word": "a text, secret",
    }


def test_list_of_the_account_is_named() -> None:
    street = next(entry for entry in field_entries(Wave.Fields) if entry.name == "street")
    assert field_meaning(street) == "Street. Offers the account's streets."


def test_docstring_is_paragraphs_and_a_source() -> None:
    text, source = read_docstring(Wave)
    assert text == ("Wave at somebody, from afar.", "They may wave | back.")
    assert source == "Manual of gestures, read 2026-11-22."


def test_action_without_a_connection_belongs_to_this_app() -> None:
    entry = action_entry(Wave())
    assert (entry.connection, entry.repeatable, entry.batch_records) == ("This app", False, 0)


def test_every_error_class_has_its_kind_and_what_follows(found: Reference) -> None:
    follows = {entry.name: entry.follows for entry in found.errors}
    classes = {name for name, value in vars(errors).items() if getattr(value, "kind", None)}
    assert set(follows) == classes
    assert follows["UnavailableError"] == "tried again"
    assert follows["RejectedError"] == "parked"
    assert follows["CredentialsError"] == "the connection pauses"
    assert follows["LeaseLostError"] == ""


def test_every_state_has_a_sentence(found: Reference) -> None:
    assert all(state.sentence for state in found.states)


def test_tables_hold_together_whatever_is_in_a_cell(found: Reference) -> None:
    for line in as_markdown(found).splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            assert line.endswith(" |")
    rows = [line for line in as_markdown(found).splitlines() if line.startswith("| `upper`")]
    assert rows[:1] == ["| `upper` | Writes a text in capitals. | `{{ 'abc' \\| upper }}` | `\"ABC\"` |"]


def test_command_prints_the_document(found: Reference) -> None:
    assert COMMAND.startswith("python ")
    printed = subprocess.run(
        [sys.executable, *COMMAND.split()[1:]], capture_output=True, text=True, check=True, timeout=60
    )
    assert printed.stdout.startswith("# Reference\n")
    for entry in (*found.actions, *found.triggers):
        assert f"### `{entry.key}`" in printed.stdout
