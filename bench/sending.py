"""Webhooks sent through a running installation to a target, as fast as they are taken."""

from __future__ import annotations

from bench.load import Order
from bench.processes import Target, load
from bench.setting import Setting

WAIT_S = 60.0


def through(setting: Setting, way: str, target: Target, port: int, count: int) -> float:
    """Send at 16 connections, each deal twice; return how many a second passed, from first sent to last arrived."""
    target.seen(reset=True)
    first = setting.installation.numbers(count)
    report = load(Order(setting.installation.address(way, port), first, count, deals=count // 2))
    seen = target.wait_for(count, WAIT_S)
    return count / (seen.last_s - report.began_s)
