"""What forms offer of an account: its lists, fetched at first use."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("users", "Ana Petrova"),
        ("activity_types", "Call"),
        ("stages", "Lead in"),
        ("pipelines", "Sales"),
        ("deal_fields", "Roof type"),
    ],
)
def test_an_accounts_lists_are_offered_by_name(tmp_path: Path, name: str, one: str) -> None:
    pd = PipedriveSandbox()
    pd.seed_demo()
    with pd.serve() as server:
        house = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
        house.connections.save("pipedrive", "acme", {"base_url": server.url, "api_token": "sandbox-token"})
        offered = [house.connections.offered(1, name) for _ in range(2)]
        house.close()
    assert one in [entry["name"] for entry in offered[0]]
    assert offered[0] == offered[1]
    assert len(pd.requests) == 1
