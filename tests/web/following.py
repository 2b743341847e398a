"""A job as its page shows it while it goes on."""

from __future__ import annotations

import re

from tests.engine.conftest import ToyHouse
from tests.web.builder_pages import Browser

_BAR = re.compile(r'<progress max="100" value="(\d+)"')


def followed(toys: ToyHouse, page: Browser, job_id: int) -> list[int]:
    """Do a job to its end, looking at its page after each slice; return what its bar showed."""
    seen: list[int] = []
    while toys.assembly.jobs.get(job_id).state in ("queued", "running"):
        if not toys.assembly.jobs.work_due("test/1/jobs"):
            toys.work()
            toys.clock.advance(seconds=2)
        seen += [int(value) for value in _BAR.findall(page.get(f"/jobs/{job_id}"))]
    toys.runner.work_until_idle(timeout_s=60)
    return seen


def rises(seen: list[int]) -> bool:
    """Tell whether a bar only grows, in more than five steps and to its end."""
    return seen == sorted(seen) and len(set(seen)) > 5 and seen[-1] == 100
