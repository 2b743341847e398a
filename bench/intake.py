"""How many webhooks a second are answered 200 after their commit, beside bare Flask on the same server."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from automations.cli.serving import WEB_THREADS
from bench.figures import Figure
from bench.installation import BATCHED
from bench.load import Order, Report
from bench.processes import free_port, load, running, wait_until_up
from bench.sending import through
from bench.setting import Setting
from bench.webhooks import Address

_MOST_A_SECOND = 9_000
_BARE_PATH = "/hooks/pipedrive/nobody"
_BARE = f"bare Flask, {WEB_THREADS} threads as ours"
_BARE_BEST = "bare Flask, one thread"


def measure_alone(setting: Setting) -> list[Figure]:
    """`automations web`: nothing is delivered meanwhile."""
    with setting.machine.watched() as pace:
        ours, bare, best = _rounds(setting, "web")
    rates = [report.per_second for report in ours]
    return [
        Figure("intake_per_s", "webhooks accepted, 16 connections", "/s", rates, _rate(bare), _BARE,
               at_least=3_000, ratio_at_least=0.4, speed=pace.speed),
        Figure("intake_of_best_per_s", "the same", "/s", rates, _rate(best), _BARE_BEST, ratio_at_least=0.25),
        Figure("intake_p50_ms", "their answer, median", "ms", [r.p50_ms for r in ours],
               _median(bare, lambda report: report.p50_ms), _BARE),
        Figure("intake_p99_ms", "their answer, 99th percentile", "ms", [r.p99_ms for r in ours],
               _median(bare, lambda report: report.p99_ms), _BARE),
    ]  # fmt: skip


def measure_alone_on_postgres(setting: Setting) -> list[Figure]:
    with setting.on_postgres() as elsewhere, setting.machine.watched() as pace:
        ours, bare, _ = _rounds(elsewhere, "web")
    rates = [report.per_second for report in ours]
    return [
        Figure("postgres_intake_per_s", "webhooks accepted, 16 connections, PostgreSQL", "/s", rates, _rate(bare),
               _BARE, at_least=3_000, ratio_at_least=0.4, speed=pace.speed),
        Figure("postgres_intake_p99_ms", "their answer, 99th percentile", "ms", [r.p99_ms for r in ours],
               _median(bare, lambda report: report.p99_ms), _BARE),
    ]  # fmt: skip


def measure_serving(setting: Setting) -> list[Figure]:
    """`automations serve`: web, worker, target and sender share the cores."""
    ours, bare, _ = _rounds(setting, "serve")
    return [
        Figure("intake_serving_per_s", "accepted while a worker delivers them", "/s",
               [r.per_second for r in ours], _rate(bare), f"{_BARE}, all else at rest"),
        Figure("intake_serving_p99_ms", "their answer, 99th percentile", "ms", [r.p99_ms for r in ours],
               _median(bare, lambda report: report.p99_ms), f"{_BARE}, all else at rest"),
    ]  # fmt: skip


def _rounds(setting: Setting, command: str) -> tuple[list[Report], list[Report], list[Report]]:
    """Load ours, bare Flask with as many threads, and bare Flask with one, turn by turn."""
    ours: list[Report] = []
    bare: list[Report] = []
    best: list[Report] = []
    log = setting.installation.log
    many, one = free_port(), free_port()
    with (
        setting.installation.serve(command) as (_, port),
        running(["bench.limits", "flask", str(many), str(WEB_THREADS)], log) as (with_many, _),
        running(["bench.limits", "flask", str(one), "1"], log) as (with_one, _),
    ):
        wait_until_up(many, with_many, log)
        wait_until_up(one, with_one, log)
        if command == "serve":
            through(setting, BATCHED, setting.sink, port, 50)
        for _ in range(setting.rounds):
            setting.sink.seen(reset=True)
            ours.append(_load(setting, setting.installation.address(BATCHED, port)))
            if command == "serve":
                setting.sink.wait_for(ours[-1].accepted, 60)
            bare.append(_load(setting, Address(many, _BARE_PATH, "nobody", "nothing")))
            best.append(_load(setting, Address(one, _BARE_PATH, "nobody", "nothing")))
    return ours, bare, best


def _load(setting: Setting, address: Address) -> Report:
    count = int(_MOST_A_SECOND * setting.seconds)
    first = setting.installation.numbers(count)
    return load(Order(address, first, count, deals=count // 2, seconds=setting.seconds))


def _rate(reports: list[Report]) -> float:
    return _median(reports, lambda report: report.per_second)


def _median(reports: list[Report], of: Callable[[Report], float]) -> float:
    return statistics.median(of(report) for report in reports)


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "intake": measure_alone,
    "intake-postgres": measure_alone_on_postgres,
    "intake-serving": measure_serving,
}
