"""`recipe resume`, and what `doctor` and `recipe list` say of guards."""

from __future__ import annotations

from datetime import timedelta

from automations.cli.guard_findings import guards
from automations.model.guards import Breaker
from tests.cli.conftest import Cli


def _made(cli: Cli) -> None:
    cli.ok("connection", "add", "webhook", "posts")
    recipe = cli.file(
        "r.yaml", "name: busy\ntrigger: {key: webhook.received, connection: posts}\nsteps: []\n"
    )
    cli.ok("recipe", "apply", recipe)


def test_a_held_recipe_is_listed_and_goes_on(cli: Cli) -> None:
    _made(cli)
    with cli.house() as assembly:
        assembly.stops.tell(1, "fuse", "hook:1", "it ran more than 20 times within 10 minutes for hook:1")
    (row,) = cli.json("recipe", "list")
    assert row["held"].startswith("it ran more than 20 times")
    assert "held back" in cli.ok("recipe", "list").output
    assert cli.json("recipe", "resume", "busy") == {"recipe": "busy", "runs": 0, "dropped": False}
    refused = cli("recipe", "resume", "busy", "--drop")
    assert refused.exit_code == 1
    assert "nothing to end" in refused.output


def test_doctor_names_what_is_held_back_and_what_is_silent(cli: Cli) -> None:
    _made(cli)
    with cli.house() as assembly:
        assert [finding.state for finding in guards(assembly)] == ["ok", "ok"]
        assembly.stops.tell(1, "fuse", "hook:1", "it ran too often")
        assembly.stops.tell(1, "circle", "hook:1", "stopped a circle: a → b → a")
        now = assembly.clock.now()
        with assembly.database.write() as session:
            session.add(
                Breaker(
                    connection_id=1, opened_at=now, probe_at=now + timedelta(seconds=30), reason="refused"
                )
            )
        found = list(guards(assembly))
    assert [finding.state for finding in found] == ["warning"] * 3
    assert "posts does not answer" in found[2].fact
    assert "automations recipe resume 'busy'" in found[0].advice
