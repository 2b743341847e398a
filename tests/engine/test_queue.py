"""Wake-ups: quick when they arrive, harmless when they are lost; the same on each kind of queue."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automations.engine.queue import WakeUps
from automations.errors import SettingsError
from tests.engine.conftest import ToyHouse
from tests.redis_server import RedisServer, running_redis


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "instance"
    made.mkdir()
    return made


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if importlib.util.find_spec("redis") is None:
        pytest.skip("the package redis is not installed")
    with running_redis(tmp_path) as server:
        if server is None:
            pytest.skip("this machine has no redis-server; on Debian: apt-get install redis-server")
        yield server


def queue_url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    if kind == "redis":
        return str(request.getfixturevalue("redis_server").url)
    return f"sqlite:///{folder}/queue.db"


Make = Callable[[], WakeUps]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres), "redis"])
def make(request: pytest.FixtureRequest, folder: Path) -> Iterator[Make]:
    """Make another process's end of one queue; each is stopped at the end."""
    url = queue_url(request.param, folder, request)
    made: list[WakeUps] = []

    def make_one() -> WakeUps:
        made.append(WakeUps(url, folder))
        return made[-1]

    yield make_one
    for one in made:
        one.stop()


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert condition()


def test_a_ring_is_heard_at_once(make: Make) -> None:
    heard = threading.Event()
    wake_ups = make()
    wake_ups.start("worker-1", heard.set)
    wake_ups.ring()
    assert heard.wait(10)
    delays_s = []
    for _ in range(20):
        heard.clear()
        rung_s = time.monotonic()
        wake_ups.ring()
        assert heard.wait(10)
        delays_s.append(time.monotonic() - rung_s)
    # The machine may be busy with other tests; one that is quick proves that nothing polls.
    assert min(delays_s) < 0.05


def test_another_process_rings_for_a_worker(make: Make) -> None:
    heard = threading.Event()
    make().start("worker-1", heard.set)
    make().ring()
    assert heard.wait(10)


def test_one_ring_wakes_one_of_several_workers(make: Make) -> None:
    heard: list[str] = []
    make().start("worker-1", lambda: heard.append("1"))
    make().start("worker-2", lambda: heard.append("2"))
    ringing = make()
    for count in range(1, 4):
        ringing.ring()
        wait_for(lambda count=count: len(heard) >= count)  # type: ignore[misc]
    time.sleep(0.1)
    assert len(heard) == 3


def test_a_ring_before_anybody_listens_is_heard_later(make: Make) -> None:
    ringing = make()
    ringing.ring()
    wait_for(lambda: ringing._huey.storage.queue_size() == 1)
    heard = threading.Event()
    make().start("worker-1", heard.set)
    assert heard.wait(10)


def test_ringing_where_nobody_listens_is_no_error_and_piles_nothing_up(make: Make) -> None:
    ringing = make()
    for _ in range(100):
        ringing.ring()
    wait_for(lambda: ringing._huey.storage.queue_size() == 1)


def test_what_was_rung_goes_out_before_the_end(make: Make) -> None:
    ringing = make()
    ringing.ring()
    ringing.close()
    assert make()._huey.storage.queue_size() == 1


def test_a_queue_that_cannot_be_written_stops_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    wake_ups = WakeUps(f"sqlite:///{folder}/queue.db", folder)
    monkeypatch.setattr(wake_ups._huey.storage, "enqueue", full)
    wake_ups.ring()
    wake_ups.close()


def test_several_first_users_of_an_empty_postgres_make_its_tables_once(
    folder: Path, postgres_url: str
) -> None:
    ends = [WakeUps(postgres_url, folder) for _ in range(6)]
    for one in ends:
        one.ring()
    for one in ends:
        one.close()
    last = WakeUps(postgres_url, folder)
    assert last._huey.storage.queue_size() >= 1
    last.close()


def test_a_redis_that_went_and_came_back_is_heard_again(folder: Path, redis_server: RedisServer) -> None:
    heard = threading.Event()
    wake_ups = WakeUps(redis_server.url, folder)
    wake_ups.start("worker-1", heard.set)
    redis_server.stop()
    wake_ups.ring()
    redis_server.start()

    def is_heard() -> bool:
        wake_ups.ring()
        return heard.wait(0.2)

    wait_for(is_heard)
    wake_ups.stop()


def test_work_goes_on_within_seconds_where_the_queue_is_gone(house: ToyHouse, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    house.recipe()
    # Nobody listens at this port.
    wake_ups = WakeUps("redis://127.0.0.1:9/0", tmp_path)
    wake_ups.start("worker-1", house.runner.nudge)
    stop = threading.Event()
    working = threading.Thread(target=house.runner.run_forever, args=(stop,))
    working.start()
    house.thing(1)
    wake_ups.ring()
    wait_for(lambda: house.target.texts() == ["1/0"], 20)
    stop.set()
    working.join(timeout=20)
    wake_ups.stop()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://127.0.0.1", "begins with 'amqp'"),
        ("postgresql+psycopg//host", "is no address"),
        ("redis://127.0.0.1:port/0", "is no address"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_next_move(folder: Path, url: str, words: str) -> None:
    if url.startswith("redis"):
        pytest.importorskip("redis")
    with pytest.raises(SettingsError, match=words):
        WakeUps(url, folder)


def test_a_redis_without_its_package_is_refused_with_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install 'automations"):
        WakeUps("redis://127.0.0.1/0", folder)
