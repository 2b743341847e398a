"""Descriptions that people write here: kept, found by every process, taken up by open connections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.errors import InputError, NotFoundError, RecipeProblems
from automations.settings import Settings

TEXT = """
target: acme
title: Acme
settings: {key: {secret: true}}
address: https://acme.example
auth: {bearer: "{{ settings.key }}"}
profile: {path: /p, record: {id: "{{ identity }}"}}
event: {path: /e, record: {id: "{{ identity }}", n: "{{ name }}"}}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Assembly]:
    assembly = Assembly.make(Settings(instance=tmp_path))
    yield assembly
    assembly.close()


def names(house: Assembly) -> list[str]:
    return [one.name for one in house.own_descriptions.kind("target").descriptions() if one.own]


def test_a_kept_text_is_found_by_another_process(house: Assembly) -> None:
    kept = house.own_descriptions.keep("target", TEXT)
    assert (kept.name, kept.title, kept.own) == ("acme", "Acme", True)
    other = Assembly.make(Settings(instance=house.settings.instance))
    try:
        assert names(other) == ["acme"]
        other.connections.save("target", "my-acme", {"target": "acme", "key": "k-4f0c77aa1c5e"})
        assert other.connections.shown(other.connections.get("my-acme"))["key"] == "•••1c5e"
    finally:
        other.close()


def test_files_of_the_instance_are_found_and_a_kept_text_hides_one(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / "acme.yaml").write_text(TEXT)
    (folder / "broken.yaml").write_text("target: broken\n")
    (folder / "other.yaml").write_text(TEXT)
    house = Assembly.make(Settings(instance=tmp_path))
    try:
        found = {one.name: one for one in house.own_descriptions.kind("target").descriptions() if one.own}
        assert found["acme"].problem == ""
        assert "title" in found["broken"].problem
        assert "describes 'acme'" in found["other"].problem
        house.own_descriptions.keep("target", TEXT.replace("title: Acme", "title: Better"))
        kind = house.own_descriptions.kind("target")
        assert next(one.title for one in kind.descriptions() if one.name == "acme") == "Better"
    finally:
        house.close()


def test_a_wrong_text_is_not_kept(house: Assembly) -> None:
    with pytest.raises(RecipeProblems):
        house.own_descriptions.keep("target", TEXT.replace("settings.key", "settings.kee"))
    assert names(house) == []


def test_a_shipped_name_cannot_be_taken(house: Assembly) -> None:
    with pytest.raises(InputError, match="comes with the app"):
        house.own_descriptions.keep("target", TEXT.replace("target: acme", "target: mixpanel"))


def test_open_connections_go_on_with_the_new_text(house: Assembly) -> None:
    house.own_descriptions.keep("target", TEXT)
    row = house.connections.save("target", "my-acme", {"target": "acme", "key": "k-4f0c77aa1c5e"})
    assert house.connections.open(row.id or 0).settings.described.title == "Acme"
    house.own_descriptions.keep("target", TEXT.replace("title: Acme", "title: Better"))
    assert house.connections.open(row.id or 0).settings.described.title == "Better"


def test_a_text_that_a_connection_could_not_use_is_not_kept(house: Assembly) -> None:
    house.own_descriptions.keep("target", TEXT)
    row = house.connections.save("target", "my-acme", {"target": "acme", "key": "k-4f0c77aa1c5e"})
    more = TEXT.replace("{key: {secret: true}}", "{key: {secret: true}, project: {}}")
    with pytest.raises(InputError, match="'my-acme' could not use it any more"):
        house.own_descriptions.keep("target", more)
    assert house.connections.open_anew(row.id or 0).settings.key == "k-4f0c77aa1c5e"


def test_one_that_is_used_cannot_be_removed(house: Assembly) -> None:
    house.own_descriptions.keep("target", TEXT)
    house.connections.save("target", "my-acme", {"target": "acme", "key": "k-4f0c77aa1c5e"})
    with pytest.raises(InputError, match="used by my-acme"):
        house.own_descriptions.remove("target", "acme")
    house.connections.remove("my-acme")
    house.own_descriptions.remove("target", "acme")
    assert names(house) == []
    with pytest.raises(NotFoundError):
        house.own_descriptions.remove("target", "acme")


def test_secrets_stay_hidden_when_the_description_is_gone(house: Assembly) -> None:
    file = house.settings.instance / "targets"
    file.mkdir()
    (file / "acme.yaml").write_text(TEXT)
    house.connections.save("target", "my-acme", {"target": "acme", "key": "k-4f0c77aa1c5e"})
    (file / "acme.yaml").unlink()
    other = Assembly.make(Settings(instance=house.settings.instance))
    try:
        row = other.connections.get("my-acme")
        assert "k-4f0c77aa1c5e" not in str(other.connections.shown(row))
        with pytest.raises(InputError, match="no description named 'acme'"):
            other.connections.open(row.id or 0)
    finally:
        other.close()


def test_changing_the_service_drops_the_secrets_of_the_old_one(house: Assembly) -> None:
    given = {"target": "mixpanel", "project_id": "7", "token": "t-4f0c77aa1c5e"}
    house.connections.save("target", "acme", given)
    with pytest.raises(InputError, match="is required"):
        house.connections.save("target", "acme", {"target": "segment"})
    house.connections.save("target", "acme", {"target": "segment", "write_key": "w-4f0c77aa1c5e"})
    shown = house.connections.shown(house.connections.get("acme"))
    assert "token" not in shown
    assert shown["write_key"] == "•••1c5e"
