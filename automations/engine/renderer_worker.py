"""The other end of `renderer.py`: a process that renders strangers' templates and holds nothing worth stealing.

It has no environment, no open files but its two pipes, and little memory and time. Frames are four bytes of
length, big-endian, then JSON. First it says `ready`; then each request is answered by one frame, or by one
frame for each leaf of a preview, so that the other side knows how far it came.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

from automations.engine.templating import MISSING, check, compile_value, explain_missing, render
from automations.engine.templating.limits import WORKER_CPU_S, WORKER_MEMORY_BYTES
from automations.errors import AutomationError

OPEN_FILES = 32
PARENT_LOOKED_FOR_EVERY_S = 5.0


def main() -> None:
    """Serve until the other side closes the pipe or is gone."""
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    _warm_up()
    _give_up_rights()
    _write(answers, {"ready": True})
    parent = os.getppid()
    while (request := _read(requests, parent)) is not None:
        _limit_cpu()
        for answer in _answers(request):
            _write(answers, answer)


def _warm_up() -> None:
    """Load what the first render would otherwise load on its own time."""
    for source in ("{{ '030 901820' | e164('DE') }}", "{{ 0 | format_date('%Z', 'Europe/Berlin') }}"):
        render(compile_value(source), {})


def _give_up_rights() -> None:
    for limit, most in (
        (resource.RLIMIT_AS, WORKER_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        # Some systems refuse a limit they do not keep; the others still hold.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def _limit_cpu() -> None:
    """Allow each request its own processor time; the kernel ends the process beyond it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + WORKER_CPU_S + 1, hard))


def _read(requests: BinaryIO, parent: int) -> Any:
    """Return the next request; None when there will be none. A parent that was killed leaves no EOF behind
    where another of its children inherited the pipe, so it is looked for."""
    waiter = select.poll()
    waiter.register(requests.fileno(), select.POLLIN)
    while not waiter.poll(PARENT_LOOKED_FOR_EVERY_S * 1000):
        if os.getppid() != parent:
            return None
    length = requests.read(4)
    if len(length) < 4:
        return None
    body = requests.read(int.from_bytes(length, "big"))
    return json.loads(body)


def _write(answers: BinaryIO, answer: Any) -> None:
    body = json.dumps(answer).encode()
    answers.write(len(body).to_bytes(4, "big") + body)
    answers.flush()


def _answers(request: Any) -> Iterator[Any]:
    if request["do"] == "check":
        problems = check(request["source"], known_names=request["known_names"])
        yield [asdict(problem) for problem in problems]
    else:
        for source in request["leaves"]:
            yield leaf_result(source, request["context"])


def leaf_result(source: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return what one value of a preview comes to: `value`, or `missing` with `why`, or `error`."""
    try:
        template = compile_value(source)
        value = render(template, context)
    except AutomationError as error:
        return {"error": {"kind": error.kind, "message": error.message}}
    if value is MISSING or (value is None and not template.is_constant):
        return {"missing": True, "why": explain_missing(template, context)}
    return {"value": value}
