"""What the app takes while it runs: memory, processor time at rest, the disk's commit, one test-run, a backlog."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from automations.cli.recipe_files import occurrence_of
from bench.figures import Figure
from bench.installation import BATCHED, SINGLE, gallery_recipe
from bench.limits import commit_ms
from bench.processes import cpu_s, memory_mb
from bench.sending import through
from bench.setting import Setting

_SETTLED_S = 6.0
_DRAINED_S = 300.0
_LINEAR = 0.8
_BACKLOGS = {BATCHED: (10_000, 20_000, 40_000, 50_000), SINGLE: (10_000, 20_000, 40_000)}


def measure_memory(setting: Setting) -> list[Figure]:
    """Memory and processor time of the same `serve`: at rest, under load twice, and after."""
    idle_s = 3.0 if setting.quick else 10.0
    count = setting.scaled(5_000)
    peaks = []
    with setting.installation.serve() as (process, port):
        time.sleep(_SETTLED_S)
        used_s = cpu_s(process)
        time.sleep(idle_s)
        at_rest = (cpu_s(process) - used_s) / idle_s * 100
        idle = memory_mb(process)
        for _ in range(2):
            with peak_of(process) as peak:
                through(setting, BATCHED, setting.sink, port, count)
            peaks.append(peak[0])
        time.sleep(1.0)
        after = memory_mb(process)
    commit = commit_ms(setting.installation.folder)
    return [
        Figure("memory_idle_mb", "memory of `serve`, all processes, at rest", "MB", [idle], at_most=250),
        Figure("memory_load_mb", f"at its highest while {count:,} webhooks pass", "MB", [peaks[0]], at_most=250),
        Figure("memory_again_mb", "the same a second time", "MB", [peaks[1]], peaks[0], "the first time",
               at_most=250),
        Figure("memory_after_mb", "after it", "MB", [after], at_most=250),
        Figure("idle_cpu_percent", f"processor time at rest, over {idle_s:g} s", "%", [at_rest], at_most=1,
               note="of one core, all processes"),
        Figure("commit_ms", "one synced commit of this disk", "ms", [commit], note="a limit of its own"),
    ]  # fmt: skip


def measure_backlog(setting: Setting) -> list[Figure]:
    """Work that waits is drained by one worker; four times as much must not take longer for each."""
    return [*_backlog(setting, BATCHED, "batchable"), *_backlog(setting, SINGLE, "one call each")]


def measure_backlog_on_postgres(setting: Setting) -> list[Figure]:
    with setting.on_postgres() as elsewhere:
        return _backlog(elsewhere, BATCHED, "batchable, PostgreSQL", "postgres_")


def _backlog(setting: Setting, way: str, words: str, where: str = "") -> list[Figure]:
    figures: list[Figure] = []
    first_rate = first_memory = None
    sizes = _BACKLOGS[way][: 3 if where else None]
    for size in sizes:
        count = setting.scaled(size)
        setting.installation.fill(way, count, count // 2)
        setting.sink.seen(reset=True)
        with setting.installation.worker() as process, peak_of(process) as peak:
            seen = setting.sink.wait_for(count, _DRAINED_S)
        rate = seen.records / (seen.last_s - seen.first_s)
        key = f"backlog_{where}{way}_{size // 1000}k"
        figures.append(
            Figure(f"{key}_per_s", f"{count:,} waiting, {words}, drained", "/s", [rate], first_rate,
                   f"{setting.scaled(sizes[0]):,} waiting" if first_rate else "",
                   ratio_at_least=_LINEAR if first_rate else None)
        )  # fmt: skip
        figures.append(
            Figure(f"{key}_mb", "the worker's memory meanwhile", "MB", [peak[0]], first_memory,
                   f"{setting.scaled(sizes[0]):,} waiting" if first_memory else "")
        )  # fmt: skip
        first_rate, first_memory = first_rate or rate, first_memory or peak[0]
    return figures


def measure_test_run(setting: Setting) -> list[Figure]:
    with setting.installation.opened() as assembly:
        recipe = assembly.recipes.compile(gallery_recipe())
        occurrence = occurrence_of(recipe, recipe.definition.samples[0])
        times = []
        for _ in range(setting.scaled(50)):
            start_s = time.perf_counter()
            answer = assembly.test_runs.run(recipe, occurrence)
            times.append((time.perf_counter() - start_s) * 1000)
            assert answer["outcome"] == "ok", answer
    return [Figure("test_run_ms", "test-run of a gallery recipe, offline", "ms", times, at_most=50)]


@contextmanager
def peak_of(process: subprocess.Popen[bytes]) -> Iterator[list[float]]:
    """Give a list whose one entry becomes the highest memory seen while the block runs, in MB."""
    peak = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            peak[0] = max(peak[0], memory_mb(process))
            over.wait(0.25)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "memory": measure_memory,
    "backlog": measure_backlog,
    "backlog-postgres": measure_backlog_on_postgres,
    "test-run": measure_test_run,
}
