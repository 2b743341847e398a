"""Webhooks answered after their commit without a thread that waits for it.

Granian calls a WSGI application through a small function of its own, which has the object that takes the answer.
That object takes it from any thread at any time, so requests to the intake go past WSGI: the thread that read one
takes the next, and the committing thread answers all of a commit. Everything else is called as ever.

The function is not part of what Granian promises. `tests/cli/test_late_answers.py` fails when it is gone, and then
every request waits in its thread, which is slower and otherwise the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from automations.web.intake import PREFIX, IntakeGate

_WRAPS = "_wsgi_call_wrap"
_log = structlog.get_logger("serving")

#: What Granian calls: with the object that takes the answer, and with the request as WSGI's environment.
_Called = Callable[[Any, dict[str, Any]], Any]


def answer_later(gate: IntakeGate) -> None:
    """Let Granian, in this process, hand webhooks to the gate, before it calls the application that it loads."""
    from granian.server import mp

    gate.make_ready()
    wraps = getattr(mp, _WRAPS, None)
    if wraps is None:
        _log.warning("serving.webhooks_wait_in_threads")
        return

    def wrap(*arguments: Any, **options: Any) -> _Called:
        return past_wsgi(gate, wraps(*arguments, **options))

    setattr(mp, _WRAPS, wrap)


def past_wsgi(gate: IntakeGate, others: _Called) -> _Called:
    """Return what hands webhooks to the gate and all other requests to `others`."""

    def call(answer: Any, environ: dict[str, Any]) -> Any:
        if not environ["PATH_INFO"].startswith(PREFIX):
            return others(answer, environ)
        environ["wsgi.input_terminated"] = True
        return gate.answer_later(environ, answer.response_bytes)

    return call
