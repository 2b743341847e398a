"""Webhooks sent through a running installation to a target, as fast as they are taken."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Order
from bench.processes import Target, load
from bench.setting import Setting

WAIT_S = 60.0


@dataclass(frozen=True)
class Passage:
    """accepted_per_s: answered 200. per_s: arrived at the target, from the first sent to the last arrived."""

    accepted_per_s: float
    per_s: float


def passage(setting: Setting, way: str, target: Target, port: int, count: int) -> Passage:
    """Send at 16 connections, each deal twice, and wait until all of it arrived."""
    target.seen(reset=True)
    first = setting.installation.numbers(count)
    report = load(Order(setting.installation.address(way, port), first, count, deals=count // 2))
    seen = target.wait_for(count, WAIT_S)
    return Passage(report.per_second, count / (seen.last_s - report.began_s))


def through(setting: Setting, way: str, target: Target, port: int, count: int) -> float:
    """Return how many a second passed."""
    return passage(setting, way, target, port, count).per_s
