"""Ten thousand runs replayed by the command, which is killed in the middle and goes on where it was."""

from __future__ import annotations

import json

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import InboundRequest
from tests.cli.conftest import Cli
from tests.cli.test_replay import DEMANDING, MENDED
from tests.cli.watched import Watched, follow, lines, rises, working

COUNT = 10_000
REPLAY = ("replay", "--status", "parked", "--version", "latest", "--yes")


def park(assembly: Assembly) -> None:
    row = assembly.connections.get("shop")
    kind = assembly.registry.kinds[row.kind]
    for start in range(1, COUNT + 1, 1_000):
        arrivals = [
            kind.receive(InboundRequest(json.dumps(record).encode(), "application/json", {}))[0]
            for record in ({"id": n, "name": "Ana", "age": "many"} for n in range(start, start + 1_000))
        ]
        assembly.intake.accept(row.id or 0, arrivals)
    assembly.runner("test/1/a").work_until_idle(timeout_s=60)


@pytest.mark.timeout(180)
def test_ten_thousand_are_replayed_once_each_also_when_the_command_is_killed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("demanding.yaml", DEMANDING))
    with cli.house() as assembly:
        park(assembly)
        assert assembly.history.parked() == COUNT
    cli.ok("recipe", "apply", cli.file("mended.yaml", MENDED))
    with cli.house() as assembly, working(assembly):
        with Watched(*REPLAY) as command:
            command.until(lambda: any(job.made >= COUNT // 10 for job in assembly.jobs.list()), timeout_s=90)
            command.kill()
        assert f"{COUNT:,} of {COUNT:,} runs would be replayed." in command.told
        seen = command.counts(COUNT)
        assert any(0 < count < COUNT for count in seen)
        assert assembly.jobs.get(1).made < COUNT
        followed = follow(cli, monkeypatch, 1, tell_every_s=0.2)
        assert rises([*seen, *lines(followed.stderr, COUNT)])
    with cli.house() as assembly:
        assembly.runner("test/1/b").work_until_idle(timeout_s=60)
        job = assembly.jobs.get(1)
        assert (job.state, job.expected, job.done, job.made, job.skipped) == ("done", COUNT, COUNT, COUNT, 0)
        with assembly.database.connect_for_read() as connection:
            counts = connection.exec_driver_sql(
                "SELECT COUNT(*), COUNT(DISTINCT replay_of), SUM(status='succeeded') FROM run WHERE replay_of > 0"
            ).one()
        assert tuple(counts) == (COUNT, COUNT, COUNT)
        assert assembly.history.parked() == 0
