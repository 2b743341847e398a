"""Webhook registrations and the account's patience with them: the ban counter and the removal of dead hooks.

Source: "Guide for Webhooks v2" (2026-07-28), read 2026-11-22.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .state import Change, stamp

HOOK_LIMIT = 40
BAN_AFTER = 10
REMOVED_AFTER = timedelta(days=3)
ACTIONS = ("create", "change", "delete", "*")
OBJECTS = (
    *("activity", "deal", "lead", "note", "organization", "person", "pipeline", "product", "stage", "user"),
    *("project", "task", "board", "phase", "deal_product", "deal_installment", "*"),
)


@dataclass
class Hook:
    """One registration. failed_firsts counts failed first attempts since the last ban; lost: events never sent.
    is_active: False once somebody switched it off there."""

    id: int
    company_id: int
    user_id: int
    event_action: str
    event_object: str
    subscription_url: str
    version: str
    name: str
    http_auth_user: str | None
    http_auth_password: str | None
    add_time: str
    last_delivery_time: str | None = None
    last_http_status: int | None = None
    last_success_at: str = ""
    failed_firsts: int = 0
    muted_until: float = 0.0
    lost: int = 0
    is_active: bool = True

    def wants(self, change: Change) -> bool:
        right_object = self.event_object in ("*", change.entity)
        return self.is_active and right_object and self.event_action in ("*", change.action)

    def is_muted(self) -> bool:
        return time.monotonic() < self.muted_until

    def as_v1(self) -> dict[str, Any]:
        """The shape of `GET /v1/webhooks`."""
        return {
            "id": self.id,
            "company_id": self.company_id,
            "owner_id": self.user_id,
            "user_id": self.user_id,
            "event_action": self.event_action,
            "event_object": self.event_object,
            "subscription_url": self.subscription_url,
            "version": self.version,
            "is_active": int(self.is_active),
            "add_time": self.add_time,
            "remove_time": None,
            "type": "general",
            "http_auth_user": self.http_auth_user,
            "http_auth_password": self.http_auth_password,
            "remove_reason": None,
            "last_delivery_time": self.last_delivery_time,
            "last_http_status": self.last_http_status,
            "admin_id": self.user_id,
            "name": self.name,
        }


class Hooks:
    """All registrations of the account; guarded by the account's lock.

    ban_s: how long a hook is silent after ten failed first attempts. Its events in that time are lost.
    """

    def __init__(self) -> None:
        self.by_id: dict[int, Hook] = {}
        self.ban_s = 30 * 60.0
        self._next_id = 55801

    def add(self, **values: Any) -> Hook:
        hook = Hook(id=self._next_id, **values)
        hook.last_success_at = hook.add_time
        self._next_id += 1
        self.by_id[hook.id] = hook
        return hook

    def remove(self, hook_id: int) -> bool:
        return self.by_id.pop(hook_id, None) is not None

    def count_of(self, user_id: int) -> int:
        return sum(1 for hook in self.by_id.values() if hook.user_id == user_id)

    def note_result(self, hook: Hook, attempt: int, status: int, at: datetime) -> None:
        """Take down how a delivery ended. status: 0 when no answer came."""
        hook.last_delivery_time, hook.last_http_status = stamp(at), status or None
        if 200 <= status < 300:
            hook.last_success_at = stamp(at)
        elif attempt == 1:
            hook.failed_firsts += 1
            if hook.failed_firsts >= BAN_AFTER:
                hook.failed_firsts = 0
                hook.muted_until = time.monotonic() + self.ban_s

    def remove_dead(self, now: datetime) -> list[int]:
        """Remove hooks whose last success (or birth) is three days ago; returns their ids."""
        oldest = stamp(now - REMOVED_AFTER)
        dead = [hook.id for hook in self.by_id.values() if hook.last_success_at <= oldest]
        for hook_id in dead:
            del self.by_id[hook_id]
        return dead

    def snapshot(self) -> dict[str, Any]:
        rows = [{**vars(hook), "muted_until": 0.0} for hook in self.by_id.values()]
        return {"next_id": self._next_id, "hooks": rows}

    def restore(self, saved: dict[str, Any]) -> None:
        self._next_id = saved["next_id"]
        self.by_id = {row["id"]: Hook(**row) for row in saved["hooks"]}
