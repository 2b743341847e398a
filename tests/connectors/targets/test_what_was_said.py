"""A described service's own words in a message: masked first, then cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.connectors.targets.client import TargetClient
from automations.settings import Settings

KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TargetClient]:
    assembly = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
    given = {"target": "mixpanel", "project_id": "7", "token": KEY, "base_url": "http://127.0.0.1:9"}
    row = assembly.connections.save("target", "acme", given)
    yield assembly.connections.client(row.id or 0)
    assembly.close()


@pytest.mark.parametrize("before", [100, 180, 190, 280, 290, 1_990])
def test_a_secret_that_the_cut_divides_is_not_told(client: TargetClient, before: int) -> None:
    words = f"{'x' * before} the key is {KEY}, which is wrong"
    for body in (words, {"error": words}, {"errors": [{"detail": words}]}, [words]):
        said = client.said(body)
        assert said.startswith(("x", "["))
        assert KEY[:8] not in said


def test_the_words_of_a_service_are_told(client: TargetClient) -> None:
    assert client.said({"error": "no such project."}) == "no such project"
    assert client.said("Too many. ") == "Too many"
