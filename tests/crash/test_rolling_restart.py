"""Two webs and three workers on one PostgreSQL, restarted one by one under load: all delivered once, in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from automations.sandbox import ClevertapSandbox
from tests.crash.cluster import Cluster
from tests.crash.test_kill import delivered, furnish, wait_for
from tests.crash.webhooks import Hook, Sender

DEALS, CHANGES = 250, 8


@pytest.fixture
def clevertap() -> Iterator[tuple[ClevertapSandbox, str]]:
    sandbox = ClevertapSandbox(account_id="ACC", passcode="passcode-1")
    with sandbox.serve(port=0) as server:
        yield sandbox, server.url


@pytest.fixture
def cluster(tmp_path: Path, postgres_url: str) -> Iterator[Cluster]:
    made = Cluster(tmp_path, postgres_url)
    yield made
    made.end()


def rows(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute(question).fetchall()


@pytest.mark.crash
@pytest.mark.postgres
@pytest.mark.timeout(400)
def test_all_come_up_together_on_an_empty_database(cluster: Cluster, postgres_url: str) -> None:
    cluster.start()
    assert rows(postgres_url, "SELECT role, count(*) FROM process GROUP BY role ORDER BY role") == [
        ("web", 2),
        ("worker", 3),
    ]
    assert [machine.stop() for machine in cluster.machines] == [0] * 5
    assert rows(postgres_url, "SELECT count(*) FROM process") == [(0,)]


@pytest.mark.crash
@pytest.mark.postgres
@pytest.mark.timeout(400)
def test_a_rolling_restart_under_load_loses_nothing_doubles_nothing_and_keeps_order(
    tmp_path: Path,
    cluster: Cluster,
    postgres_url: str,
    clevertap: tuple[ClevertapSandbox, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox, url = clevertap
    monkeypatch.setenv("AUTOMATIONS_SECRET_KEYS", cluster.keys)
    hook = furnish(tmp_path, url, cluster.ports[0], postgres_url)
    cluster.start()
    load = threading.Semaphore(0)
    senders = [
        Sender(Hook(port, hook.token, hook.user, hook.password), connections=4, allowance=load)
        for port in cluster.ports
    ]
    webhooks = [(deal, number) for number in range(CHANGES) for deal in range(1, DEALS + 1)]
    sending = [
        sender.send([one for one in webhooks if one[0] % 2 == part], timeout_s=300)
        for part, sender in enumerate(senders)
    ]
    part = len(webhooks) // len(cluster.machines)
    for done, machine in enumerate(cluster.machines):
        load.release(part // 2)
        wait_for(lambda done=done: sum(sender.count for sender in senders) >= done * part, 60)
        assert machine.stop() == 0, machine.log.read_text()[-4000:]
        load.release(part - part // 2)
        machine.start()
    cluster.wait_until_up(starts=2)
    for thread in sending:
        thread.join(timeout=300)
    assert sum(sender.count for sender in senders) == len(webhooks)
    wait_for(lambda: sum(map(len, delivered(sandbox).values())) >= len(webhooks), 120)
    arrived = delivered(sandbox)
    assert {
        deal: arrived[deal] for deal in range(1, DEALS + 1) if arrived[deal] != list(range(CHANGES))
    } == {}
    undone = "SELECT status, count(*) FROM run WHERE status <> 'succeeded' GROUP BY status"
    wait_for(lambda: rows(postgres_url, undone) == [], 30)
    assert rows(postgres_url, undone) == []
