"""Ten thousand records sent through a recipe by the command, which is killed in the middle and goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automations.engine import backfill
from automations.sandbox import PipedriveSandbox
from tests.cli.conftest import TOKEN, Cli
from tests.cli.test_backfill import RECIPE
from tests.cli.watched import Watched, follow, lines, rises, working

COUNT = 10_000


@pytest.fixture
def acme(cli: Cli) -> Iterator[Cli]:
    """Give the command line with an account of ten thousand persons, and a recipe that waits for new ones."""
    sandbox = PipedriveSandbox(api_token=TOKEN)
    for number in range(COUNT):
        sandbox.create("person", {"name": f"Person {number}"})
    with sandbox.serve() as server:
        cli.ok(
            *("connection", "add", "pipedrive", "acme"),
            *("--set", f"base_url={server.url}", "--set", f"api_token={TOKEN}"),
        )
        cli.ok("recipe", "apply", cli.file("everybody.yaml", RECIPE))
        yield cli


@pytest.mark.timeout(180)
def test_ten_thousand_go_through_once_each_also_when_the_command_is_killed(
    acme: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.house() as assembly, working(assembly):
        with Watched("backfill", "Everybody") as command:
            command.until(lambda: any(job.made >= COUNT // 5 for job in assembly.jobs.list()))
            command.kill()
        seen = command.counts(COUNT)
        assert any(0 < count < COUNT for count in seen)
        (job,) = assembly.jobs.list()
        assert (job.state, job.expected) == ("running", COUNT)
        assert COUNT // 5 <= job.made < COUNT
        monkeypatch.setattr(backfill, "LOOK_AGAIN_S", 0.1)
        followed = follow(acme, monkeypatch, 1, tell_every_s=0.2)
    assert rises([*seen, *lines(followed.stderr, COUNT)])
    with acme.house() as assembly:
        assembly.runner("test/1/b").work_until_idle(timeout_s=60)
        job = assembly.jobs.get(1)
        assert (job.state, job.done, job.made, job.skipped, job.failed) == ("done", COUNT, COUNT, 0, 0)
        with assembly.database.connect_for_read() as connection:
            events = connection.exec_driver_sql(
                "SELECT COUNT(*), COUNT(DISTINCT record_key), COUNT(decided_at) FROM event WHERE origin='backfill'"
            ).one()
            runs = connection.exec_driver_sql(
                "SELECT COUNT(*), COUNT(DISTINCT record_key), SUM(status='succeeded') FROM run"
            ).one()
        assert tuple(events) == tuple(runs) == (COUNT, COUNT, COUNT)
