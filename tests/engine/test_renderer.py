from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from automations.engine.renderer import RenderPool
from automations.engine.templating import LazyMapping, compile_value
from automations.engine.templating.limits import RENDERS_PER_WORKER

CONTEXT: dict[str, Any] = {"deal": {"value": 5000, "title": "Chairs", "org": None, "big": 10**25}}


@pytest.fixture
def pool() -> Iterator[RenderPool]:
    with RenderPool(size=1) as pool:
        yield pool


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "renderer_worker" in " ".join(child.cmdline())]


def test_every_leaf_of_a_tree_gets_its_result(pool: RenderPool) -> None:
    tree = {
        "value": "{{ deal.value }}",
        "list": ["Big {{ deal.title }}", 5, None],
        "big": "{{ deal.big }}",
        "gone": {"absent": "{{ deal.titel }}", "null": "{{ deal.org }}"},
        "wrong": "{{ deal.title | as_number }}",
        "unread": "{{ deal.",
        "compiled": compile_value("{{ deal.value + 1 }}"),
    }
    results = pool.preview(tree, CONTEXT)
    assert results["value"] == {"value": 5000}
    assert results["list"] == [{"value": "Big Chairs"}, {"value": 5}, {"value": None}]
    assert results["big"] == {"value": 10**25}
    assert results["gone"]["absent"] == {
        "missing": True,
        "why": "There is no 'titel' in 'deal'. Did you mean 'title'?",
    }
    assert results["gone"]["null"] == {"missing": True, "why": "'deal.org' is null."}
    assert results["wrong"]["error"]["kind"] == "mapping"
    assert results["wrong"]["error"]["message"].startswith("'Chairs' is not a number.")
    assert "cannot be read" in results["unread"]["error"]["message"]
    assert results["compiled"] == {"value": 5001}


def test_single_template_gets_a_single_result(pool: RenderPool) -> None:
    assert pool.preview("{{ deal.value }}", CONTEXT) == {"value": 5000}
    assert pool.preview({}, CONTEXT) == {}


def test_odd_numbers_and_half_characters_come_through_or_are_refused(pool: RenderPool) -> None:
    context = {"nan": float("nan"), "half": "\ud800", "lazy": LazyMapping({"a": 1}, ["b"], lambda _: 2)}
    results = pool.preview(["{{ nan }}", "{{ half }}", "{{ lazy.b }}"], context)
    assert "not a number" in results[0]["error"]["message"]
    assert results[1:] == [{"value": "\ufffd"}, {"value": 2}]


def test_context_that_is_no_json_is_the_callers_mistake(pool: RenderPool) -> None:
    with pytest.raises(TypeError, match="holds plain JSON"):
        pool.preview("{{ a }}", {"a": object()})
    assert pool.preview("{{ deal.value }}", CONTEXT) == {"value": 5000}


def test_check_answers_as_the_check_does(pool: RenderPool) -> None:
    (problem,) = pool.check({"a": ["{{ dael.value }}"]}, ["deal", "event"])
    assert (problem.path, problem.line, problem.construct) == ("a[0]", 1, "dael")
    assert "Did you mean 'deal'?" in problem.message
    assert pool.check("{{ deal.value }}", ["deal"]) == []


def test_render_out_of_time_is_answered_and_its_process_replaced(pool: RenderPool) -> None:
    pool.preview("{{ deal.value }}", CONTEXT)
    (before,) = workers()
    result = pool.preview(["{{ deal.value }}", "a", "b"], CONTEXT, timeout_s=0.0)
    assert "took longer than 0 s" in result[0]["error"]["message"]
    assert "stopped at an earlier value" in result[2]["error"]["message"]
    assert not before.is_running()
    assert pool.preview("{{ deal.value }}", CONTEXT) == {"value": 5000}
    assert workers() != [before]


def test_stopped_process_is_killed_when_time_is_up(pool: RenderPool) -> None:
    pool.preview("{{ deal.value }}", CONTEXT)
    (worker,) = workers()
    worker.send_signal(signal.SIGSTOP)
    result = pool.preview("{{ deal.value }}", CONTEXT, timeout_s=0.2)
    assert "took longer than 0.2 s" in result["error"]["message"]
    assert not worker.is_running()


def test_killed_process_is_replaced(pool: RenderPool) -> None:
    pool.preview("{{ deal.value }}", CONTEXT)
    (worker,) = workers()
    worker.kill()
    worker.wait()
    assert pool.preview("{{ deal.value }}", CONTEXT) == {"value": 5000}


def test_process_is_recycled_after_many_renders(pool: RenderPool) -> None:
    pool.preview("a", CONTEXT)
    (before,) = workers()
    pool.preview(["{{ deal.value }}"] * RENDERS_PER_WORKER, CONTEXT)
    pool.preview("a", CONTEXT)
    assert workers() != [before]


def test_nothing_starts_before_the_first_use_and_closing_ends_all() -> None:
    with RenderPool(size=2) as pool:
        assert workers() == []
        pool.preview("a", {})
        assert len(workers()) == 1
    assert workers() == []


def test_threads_share_the_pool() -> None:
    wrong: list[int] = []
    with RenderPool(size=2) as pool:

        def work(number: int) -> None:
            for _ in range(20):
                if pool.preview("{{ n }}", {"n": number}, timeout_s=10.0) != {"value": number}:
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(workers()) <= 2
    assert wrong == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_worker_holds_nothing_worth_stealing(
    pool: RenderPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTOMATIONS_SECRET_KEYS", "not-for-the-worker")
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        pool.preview("a", CONTEXT)
        (worker,) = workers()
        process = Path("/proc") / str(worker.pid)
        assert b"AUTOMATIONS" not in (process / "environ").read_bytes()
        opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
    assert all(target.startswith("pipe:") or target == "/dev/null" for target in opened), opened
    limits = (process / "limits").read_text()
    assert "Max address space         536870912" in limits
    assert "Max core file size        0 " in limits
    assert "Max file size             0 " in limits
    loaded = (process / "maps").read_text()
    assert "psycopg" not in loaded
    assert "_sqlite3" not in loaded


@pytest.mark.skipif(sys.platform != "linux", reason="needs a process of its own to kill")
def test_worker_ends_with_its_parent(tmp_path: Path) -> None:
    import subprocess

    script = (
        "import os, time; from automations.engine.renderer import RenderPool\n"
        "pool = RenderPool(); pool.preview('a', {})\n"
        "import psutil; print(psutil.Process().children()[0].pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    pid = int(done.stdout)
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=20)
    assert not psutil.pid_exists(pid)
