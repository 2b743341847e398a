"""How many webhooks a second get through to a target: sent, accepted, decided, rendered, written, delivered."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from bench.figures import Figure
from bench.installation import BATCHED, SINGLE, STRICT
from bench.load import Order
from bench.processes import ask, load
from bench.sending import WAIT_S, through
from bench.setting import Setting

_BARE_THREADS = (1, 8)
_PACE_S = 1 / 20


def measure_batched(setting: Setting) -> list[Figure]:
    count = setting.scaled(5_000)
    rounds: dict[str, list[float]] = {BATCHED: [], STRICT: []}
    with setting.machine.watched() as pace, setting.installation.serve() as (_, port):
        # The worker comes up a moment after the web.
        through(setting, STRICT, setting.sandbox, port, 50)
        for _ in range(setting.rounds):
            rounds[BATCHED].append(through(setting, BATCHED, setting.sink, port, count))
            rounds[STRICT].append(through(setting, STRICT, setting.sandbox, port, count))
    return [
        Figure("batched_per_s", f"{count:,} webhooks through to a batchable target", "/s", rounds[BATCHED],
               at_least=2_000, speed=pace.speed,
               note="from the first sent to the last arrived; the target only counts"),
        Figure("sandbox_per_s", "the same to the strict sandbox CleverTap", "/s", rounds[STRICT],
               note="which checks every record on the same cores"),
    ]  # fmt: skip


def measure_single(setting: Setting) -> list[Figure]:
    count = setting.scaled(2_000)
    passed: list[float] = []
    drained: list[float] = []
    bare: dict[int, list[float]] = {threads: [] for threads in _BARE_THREADS}
    with setting.machine.watched() as pace, setting.installation.serve() as (_, port):
        through(setting, SINGLE, setting.sink, port, 50)
        for _ in range(setting.rounds):
            passed.append(through(setting, SINGLE, setting.sink, port, count))
            for threads, found in bare.items():
                order = {"port": setting.sink.port, "seconds": setting.seconds / 2, "threads": threads}
                found.append(ask(["bench.limits", "requests"], order))
    for _ in range(setting.rounds):
        setting.installation.fill(SINGLE, count, count // 2)
        setting.sink.seen(reset=True)
        with setting.installation.worker():
            seen = setting.sink.wait_for(count, WAIT_S)
        drained.append(seen.records / (seen.last_s - seen.first_s))
    loop, eight = (statistics.median(bare[threads]) for threads in _BARE_THREADS)
    words = "bare `requests` loop, one thread"
    return [
        Figure("single_per_s", f"{count:,} webhooks through, one call each", "/s", passed, loop, words,
               at_least=800, speed=pace.calls_speed, note="web and worker share the cores with sender and target"),
        Figure("single_worker_per_s", "one worker process with work waiting, one call each", "/s", drained,
               loop, words, ratio_at_least=0.6),
        Figure("single_worker_of_8_per_s", "the same", "/s", drained, eight, "bare `requests`, 8 threads"),
    ]  # fmt: skip


def measure_end_to_end(setting: Setting) -> list[Figure]:
    count = 60 if setting.quick else 300
    with setting.machine.watched() as pace, setting.installation.serve() as (_, port):
        paced(setting, port, 20)
        times = paced(setting, port, count)
    return [
        Figure("end_to_end_p50_ms", "end to end at 20/s, median", "ms", [share_of(times, 0.5)],
               at_most=8, speed=pace.speed,
               note="from the first byte sent to the call at the target"),
        Figure("end_to_end_p99_ms", "end to end at 20/s, 99th percentile", "ms", [share_of(times, 0.99)],
               at_most=30, speed=pace.speed),
    ]  # fmt: skip


def paced(setting: Setting, port: int, count: int) -> list[float]:
    """Send at an even pace; return how long each took to reach the target, in ms, shortest first."""
    setting.sink.seen(reset=True)
    first = setting.installation.numbers(count)
    order = Order(
        setting.installation.address(SINGLE, port), first, count, count, connections=4, each_s=_PACE_S
    )
    report = load(order)
    seen = setting.sink.wait_for(count, WAIT_S)
    return sorted((seen.arrived_s[key] - sent_s) * 1000 for key, sent_s in report.sent_at_s.items())


def share_of(ordered: list[float], share: float) -> float:
    """Return the value that this share of them does not exceed. ordered: smallest first."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "batched": measure_batched,
    "single": measure_single,
    "end-to-end": measure_end_to_end,
}
