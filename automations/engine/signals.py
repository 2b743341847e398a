"""What happened, told to whoever listens, after commit. Signals inform; the database decides."""

from __future__ import annotations

from typing import Any

import structlog
from blinker import Namespace

_namespace = Namespace()

run_finished = _namespace.signal("run-finished")
delivery_parked = _namespace.signal("delivery-parked")
connection_paused = _namespace.signal("connection-paused")
recipe_published = _namespace.signal("recipe-published")
hook_refused = _namespace.signal("hook-refused")
recipe_stopped = _namespace.signal("recipe-stopped")
breaker_opened = _namespace.signal("breaker-opened")
breaker_closed = _namespace.signal("breaker-closed")

_log = structlog.get_logger("signals")


def tell(signal: str, /, **facts: Any) -> None:
    """Send a signal; a listener that fails is logged and cannot fail the sender."""
    for receiver in _namespace.signal(signal).receivers_for(None):
        try:
            receiver(None, **facts)
        except Exception:  # noqa: BLE001 - a listener must not reach the engine
            _log.exception("signal.listener_failed", signal=signal)
