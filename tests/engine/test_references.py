"""Values that are read from the environment at use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine import references
from automations.engine.contracts import ConnectionKind, ConnectionSettings, field
from automations.engine.registry import Registry
from automations.errors import CredentialsError, InputError
from automations.settings import Settings


class PlaceSettings(ConnectionSettings):
    host: str = field("Host", "Where it is.")
    size: int = field("Size", "How large.", default=1)
    token: str = field("Token", "Secret.", secret=True)


class Place(ConnectionKind):
    """A product at a host."""

    kind = "place"
    title = "Place"
    Settings = PlaceSettings

    def hosts(self, settings: PlaceSettings) -> frozenset[str]:
        return frozenset({settings.host})


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    settings = Settings(instance=tmp_path, database_url="", queue_url="")
    made = Assembly.make(settings, registry=Registry({"place": Place()}, {}, {}))
    yield made
    made.close()


def test_only_the_whole_text_is_a_reference() -> None:
    values = {"a": "env:TOKEN", "b": "env:two words", "c": "my env:TOKEN", "d": "env:TOKEN\n", "e": 7}
    assert references.among(values) == {"a": "env:TOKEN"}


def test_reference_is_stored_as_text_and_read_at_use(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE_TOKEN", "first-secret")
    given = {"host": "a.example", "token": "env:PLACE_TOKEN"}
    row = assembly.connections.save("place", "here", given, may_refer=True)
    assert assembly.connections.reveal("here")["token"] == "env:PLACE_TOKEN"
    opened = assembly.connections.open(row.id or 0)
    assert opened.settings.token == "first-secret"
    assert "first-secret" in opened.secrets


def test_reference_may_be_saved_before_its_variable_is_set(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"host": "env:PLACE_HOST", "size": "env:PLACE_SIZE", "token": "x"}
    row = assembly.connections.save("place", "here", given, may_refer=True)
    with pytest.raises(CredentialsError, match=r"host from the environment variable PLACE_HOST, .* not set"):
        assembly.connections.open(row.id or 0)
    monkeypatch.setenv("PLACE_HOST", "b.example")
    monkeypatch.setenv("PLACE_SIZE", "12")
    opened = assembly.connections.open(row.id or 0)
    assert (opened.settings.host, opened.settings.size) == ("b.example", 12)


def test_value_beside_an_unset_variable_is_still_checked(assembly: Assembly) -> None:
    given = {"host": "env:PLACE_HOST", "size": "large", "token": "x"}
    with pytest.raises(InputError, match="Size"):
        assembly.connections.save("place", "here", given, may_refer=True)


def test_set_variable_is_checked_when_it_is_saved(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE_SIZE", "large")
    with pytest.raises(InputError, match="Size"):
        assembly.connections.save(
            "place", "here", {"host": "a", "size": "env:PLACE_SIZE", "token": "x"}, may_refer=True
        )


def test_reference_is_refused_from_whoever_does_not_rule_the_machine(assembly: Assembly) -> None:
    with pytest.raises(InputError, match="only on the machine"):
        assembly.connections.save("place", "here", {"host": "a", "token": "env:HOME"})
    assembly.connections.save(
        "place", "here", {"host": "env:PLACE_HOST", "token": "env:HOME"}, may_refer=True
    )
    assembly.connections.save("place", "here", {"host": "env:PLACE_HOST", "size": 3})
    with pytest.raises(InputError, match="only on the machine"):
        assembly.connections.save("place", "here", {"host": "evil.example", "token": "env:HOME"})


def test_secret_is_dropped_when_the_host_may_have_changed(assembly: Assembly) -> None:
    assembly.connections.save("place", "here", {"host": "env:PLACE_HOST", "token": "x"}, may_refer=True)
    with pytest.raises(InputError, match="Token"):
        assembly.connections.save("place", "here", {"host": "evil.example"})


def test_testing_without_the_variable_does_not_pause_the_connection(assembly: Assembly) -> None:
    assembly.connections.save("place", "here", {"host": "env:PLACE_HOST", "token": "x"}, may_refer=True)
    with pytest.raises(CredentialsError, match="PLACE_HOST"):
        assembly.connections.test("here")
    assert assembly.connections.get("here").state == "ok"
