"""Ten thousand changes of which most webhooks were lost, fetched by the command, which is killed in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from automations.assembly import Assembly
from automations.clock import SystemClock
from automations.sandbox import PipedriveSandbox, SandboxServer
from automations.sandbox.base import utc_now
from automations.settings import load_settings
from automations.web.app import create_app
from tests.cli.conftest import TOKEN, Cli
from tests.cli.test_backfill import RECIPE
from tests.cli.watched import Watched, follow, lines, rises, working

COUNT, ARRIVED = 10_000, 2_000
CHANGED_AGO, WATCHED_AGO = timedelta(hours=1), timedelta(hours=2)


class EarlierClock(SystemClock):
    """The time at which somebody began to look after the account."""

    def now(self) -> datetime:
        return super().now() - WATCHED_AGO


@pytest.fixture
def acme(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Give an installation that an account told of every fifth new person, over real HTTP, and of no other."""
    sandbox = PipedriveSandbox(api_token=TOKEN, now=lambda: utc_now() - CHANGED_AGO)
    with cli.house() as assembly, SandboxServer(create_app(assembly)) as app, sandbox.serve() as account:
        monkeypatch.setenv("AUTOMATIONS_PUBLIC_URL", app.url)
        cli.ok(
            *("connection", "add", "pipedrive", "acme"),
            *("--set", f"base_url={account.url}", "--set", f"api_token={TOKEN}"),
        )
        cli.ok("recipe", "apply", cli.file("everybody.yaml", RECIPE))
        earlier = Assembly.make(load_settings(), clock=EarlierClock())
        earlier.sweeps.look()
        earlier.close()
        (hook,) = sandbox.hooks.by_id.values()
        for number in range(COUNT):
            hook.is_active = number % (COUNT // ARRIVED) == 0
            sandbox.create("person", {"name": f"Person {number}"})
        assert sandbox.wait_until_quiet(timeout_s=60)
        assert [one.status_code for one in sandbox.deliveries] == [200] * ARRIVED
        yield cli


@pytest.mark.timeout(180)
def test_what_is_missing_of_ten_thousand_comes_once_each_also_when_the_command_is_killed(
    acme: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.house() as assembly, working(assembly):
        with Watched("subscription", "sweep", "acme") as command:
            command.until(lambda: any(job.done >= COUNT // 2 for job in assembly.jobs.list()))
            command.kill()
        seen = command.counts(COUNT)
        (job,) = assembly.jobs.list()
        assert (job.state, job.expected) == ("running", COUNT)
        assert COUNT // 2 <= job.done < COUNT
        followed = follow(acme, monkeypatch, 1, tell_every_s=0.0)
    assert rises([*seen, *lines(followed.stderr, COUNT)])
    told = acme.ok("subscription", "list").stderr
    assert "expected 10,000, received 2,000, recovered 8,000" in told
    with acme.house() as assembly:
        assembly.runner("test/1/b").work_until_idle(timeout_s=60)
        job = assembly.jobs.get(1)
        assert (job.state, job.expected, job.done) == ("done", COUNT, COUNT)
        assert (job.skipped, job.made, job.failed) == (ARRIVED, COUNT - ARRIVED, 0)
        with assembly.database.connect_for_read() as connection:
            events = connection.exec_driver_sql(
                "SELECT COUNT(*), COUNT(DISTINCT record_key), SUM(origin='sweep') FROM event"
            ).one()
            runs = connection.exec_driver_sql(
                "SELECT COUNT(*), COUNT(DISTINCT record_key), SUM(status='succeeded') FROM run"
            ).one()
        assert tuple(events) == (COUNT, COUNT, COUNT - ARRIVED)
        assert tuple(runs) == (COUNT, COUNT, COUNT)
