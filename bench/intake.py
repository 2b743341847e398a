"""How many webhooks a second are answered 200 after their commit, beside bare Flask on the same server."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from automations.cli.serving import WEB_THREADS
from bench.figures import Figure
from bench.load import Order, Report
from bench.processes import free_port, load, running, wait_until_up
from bench.setting import Setting
from bench.webhooks import Address

_MOST_A_SECOND = 9_000
_BARE_PATH = "/hooks/pipedrive/nobody"


def measure(setting: Setting) -> list[Figure]:
    alone, bare = _rounds(setting, "web")
    beside, bare_again = _rounds(setting, "serve")
    limit = _median(bare + bare_again, lambda report: report.per_second)
    words = "bare Flask, same server, threads and load"
    return [
        Figure(
            "intake_per_s", "webhooks accepted, 16 connections", "/s", [r.per_second for r in alone],
            limit, words, at_least=3_000, ratio_at_least=0.4, note="`automations web`, on disk before the answer",
        ),
        Figure("intake_p50_ms", "their answer, median", "ms", [r.p50_ms for r in alone],
               _median(bare, lambda report: report.p50_ms), words),
        Figure("intake_p99_ms", "their answer, 99th percentile", "ms", [r.p99_ms for r in alone],
               _median(bare, lambda report: report.p99_ms), words),
        Figure(
            "intake_serving_per_s", "accepted while a worker delivers them", "/s",
            [r.per_second for r in beside], limit, words,
            note="`automations serve`: web, worker, target and sender share the cores",
        ),
        Figure("intake_serving_p99_ms", "their answer, 99th percentile", "ms", [r.p99_ms for r in beside],
               _median(bare_again, lambda report: report.p99_ms), words),
    ]  # fmt: skip


def _rounds(setting: Setting, command: str) -> tuple[list[Report], list[Report]]:
    """Load ours and bare Flask in turn; return the reports of both."""
    ours: list[Report] = []
    bare: list[Report] = []
    port = free_port()
    log = setting.installation.log
    words = ["bench.limits", "flask", str(port), str(WEB_THREADS)]
    with setting.installation.serve(command) as (_, our_port), running(words, log) as (process, _):
        wait_until_up(port, process, log)
        for _ in range(setting.rounds):
            setting.sink.seen(reset=True)
            ours.append(_load(setting, setting.installation.address("batched", our_port)))
            if command == "serve":
                setting.sink.wait_for(ours[-1].accepted, 60)
            bare.append(_load(setting, Address(port, _BARE_PATH, "nobody", "nothing")))
    if command == "web":
        _deliver_rest(setting, sum(report.accepted for report in ours))
    return ours, bare


def _load(setting: Setting, address: Address) -> Report:
    count = int(_MOST_A_SECOND * setting.seconds)
    first = setting.installation.numbers(count)
    return load(Order(address, first, count, deals=count // 2, seconds=setting.seconds))


def _deliver_rest(setting: Setting, count: int) -> None:
    """What was accepted without a worker is delivered, so that nothing waits when the next measurement begins."""
    setting.sink.seen(reset=True)
    with setting.installation.worker():
        setting.sink.wait_for(count, 120)


def _median(reports: list[Report], of: Callable[[Report], float]) -> float:
    return statistics.median(of(report) for report in reports)
