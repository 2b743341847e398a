"""A renamed field follows; a deleted field or option is told before the next run fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.connectors.pipedrive import custom_fields, field_history
from automations.connectors.pipedrive.account import field_called
from automations.engine.definition import parse_definition
from automations.errors import FieldsError
from automations.model.states import Role
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings
from tests.connectors.pipedrive.account_lists import Remembered
from tests.engine.conftest import HandClock
from tests.web.builder_pages import PASSWORD, Browser

KEY = "5f3c0a9e1d7b4c62a8e05f9137d46b20c1e8a7f4"


def roof(name: str = "Roof type", *labels: str) -> dict[str, Any]:
    options = [{"id": 41 + n, "label": label} for n, label in enumerate(labels or ("Flat", "Pitched"))]
    return {"id": KEY, "name": name, "type": "enum", "is_custom": True, "options": options}


def read(directory: Remembered, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the list of deal fields anew, as `Lists.fetch` does."""
    found = field_history.remembered("deal_fields", entries, directory)
    directory.put("deal_fields", found)
    return found


def complaints(directory: Remembered, parts: Any) -> list[str]:
    return field_history.complaints("deal_fields", "deal", parts, directory)


def test_earlier_names_are_kept_and_the_newest_is_first() -> None:
    directory = Remembered()
    for name in ("Roof", "Roof type", "Roof kind"):
        (entry,) = read(directory, roof(name))
    assert entry["former"] == ["Roof type", "Roof"]
    (entry,) = read(directory, roof("Roof"))
    assert entry["former"] == ["Roof kind", "Roof type"]


def test_a_template_with_an_earlier_label_reads_the_same_field() -> None:
    directory = Remembered()
    read(directory, roof("Roof"))
    fields = read(directory, roof("Roof type"))
    record = {"custom_fields": {KEY: 42}}
    assert custom_fields.by_label(record, fields) == {"Roof type": "Pitched", "Roof": "Pitched"}
    other = {**roof("Roof"), "id": KEY[::-1]}
    assert custom_fields.by_label(record, read(directory, roof("Roof type"), other))["Roof"] is None


@pytest.mark.parametrize(
    "part",
    [
        {"fields": {"custom_fields": {"Roof type": "x"}}},
        {"fields": {"custom_fields": {KEY: "x"}}},
        {"only_if": '{{ deal.custom["roof type"] == "Flat" }}'},
        {"fields": {"text": "{{ deal.custom_fields['" + KEY + "'] }}"}},
        {"trigger": {"fields": {"changed_field": "Roof type"}}},
    ],
)
def test_a_deleted_field_is_told_wherever_a_recipe_names_it(part: dict[str, Any]) -> None:
    directory = Remembered()
    read(directory, roof())
    assert complaints(directory, part) == []
    read(directory)
    assert complaints(directory, part) == ["The field 'Roof type' of a deal was deleted in Pipedrive."]
    assert complaints(directory, {"fields": {"title": "A new roof type for you"}}) == []
    # It may come back.
    read(directory, roof())
    assert complaints(directory, part) == []


def test_a_deleted_option_is_told_to_who_names_it() -> None:
    directory = Remembered()
    read(directory, roof())
    read(directory, roof("Roof type", "Flat"))
    used = {"fields": {"custom_fields": {"Roof type": "Pitched"}}}
    assert "The option 'Pitched' of the field 'Roof type'" in complaints(directory, used)[0]
    assert complaints(directory, {"fields": {"custom_fields": {"Roof type": "Flat"}}}) == []
    assert complaints(directory, {"fields": {"title": "Pitched"}}) == []


def test_an_earlier_label_still_writes_the_field(pd: PipedriveSandbox, client: Any) -> None:
    definition = pd.add_field("deal", "Roof", "varchar")
    assert field_called(client, "deal", "Roof")["id"] == definition.code  # type: ignore[index]
    definition.name = "Roof type"
    client.lists.fetch("deal_fields")
    assert field_called(client, "deal", "Roof")["id"] == definition.code  # type: ignore[index]
    with pytest.raises(FieldsError, match="Roof type"):
        field_called(client, "deal", "Roff")


# -- the timer and the page


@pytest.fixture
def pd() -> PipedriveSandbox:
    return PipedriveSandbox(api_token="tok-7d1c94e0b2aa4fd9")


@pytest.fixture
def house(tmp_path: Path, pd: PipedriveSandbox) -> Iterator[Assembly]:
    settings = Settings(instance=tmp_path, allowed_networks="127.0.0.0/8")
    with pd.serve() as server:
        made = Assembly.make(settings, clock=HandClock())
        given = {"base_url": server.url, "api_token": pd.api_token}
        made.connections.save("pipedrive", "acme", given)
        made.people.add(f"{Role.ADMIN}@example.com", PASSWORD, Role.ADMIN)
        yield made
        made.close()


def test_a_recipe_that_names_a_deleted_field_is_marked_within_the_timer(
    house: Assembly, pd: PipedriveSandbox
) -> None:
    definition = pd.add_field("deal", "Roof type", "varchar")
    tree = {
        "name": "roofs",
        "trigger": {"key": "pipedrive.deal_created", "connection": "acme"},
        "only_if": "{{ deal.custom['Roof type'] == 'Flat' }}",
        "steps": [{"name": "stop", "action": "engine.stop", "fields": {"reason": "seen"}}],
    }
    (view,) = house.recipes.apply([("", parse_definition(tree))])
    house.connections.offered(1, "deal_fields")
    house.account_changes.look()
    assert house.account_changes.warnings() == {}
    pd.account.fields.remove("deal", definition.code)
    house.clock.advance(hours=2)  # type: ignore[attr-defined]
    assert "account-changes" in house.chores.run_due()
    words = "The field 'Roof type' of a deal was deleted in Pipedrive."
    assert house.account_changes.warnings() == {view.recipe.id: [words]}
    browser = Browser.signed_in(house)
    assert "was deleted in Pipedrive" in browser.get("/recipes")
    assert "was deleted in Pipedrive" in browser.get("/")
    house.recipes.switch("roofs", enabled=False)
    house.account_changes.look()
    assert house.account_changes.warnings() == {}
