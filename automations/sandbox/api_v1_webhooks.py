"""`/v1/webhooks`: registration, with all its rules. There is no update call."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response

from . import schema
from .api_v2 import json_object
from .base import json_reply
from .errors import Refusal, hook_refused
from .hooks import ACTIONS, HOOK_LIMIT, OBJECTS
from .state import stamp

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_KEYS: dict[str, schema.Check] = {
    "subscription_url": schema.filled_text,
    "event_action": schema.one_of(*ACTIONS),
    "event_object": schema.one_of(*OBJECTS),
    "name": schema.text_up_to(255),
    "user_id": schema.integer,
    "http_auth_user": schema.nullable(schema.text),
    "http_auth_password": schema.nullable(schema.text),
    "version": schema.one_of("1.0", "2.0"),
}
_REQUIRED = ("subscription_url", "event_action", "event_object", "name")


def add_to(views: Blueprint, pd: PipedriveSandbox) -> None:
    @views.get("/webhooks")
    def list_webhooks() -> Response:
        with pd.account.lock:
            return _ok([hook.as_v1() for hook in pd.hooks.by_id.values()])

    @views.post("/webhooks")
    def create_webhook() -> Response:
        body = json_object()
        _check(pd, body)
        with pd.account.lock:
            user_id = body.get("user_id", pd.me)
            if pd.hooks.count_of(user_id) >= HOOK_LIMIT:
                text = f"The limit of {HOOK_LIMIT} webhooks per user is reached"
                raise hook_refused(422, {"webhooks": [text]})
            hook = pd.hooks.add(
                company_id=pd.account.company_id,
                user_id=user_id,
                event_action=body["event_action"],
                event_object=body["event_object"],
                subscription_url=body["subscription_url"],
                version=body.get("version", "2.0"),
                name=body["name"],
                http_auth_user=body.get("http_auth_user"),
                http_auth_password=body.get("http_auth_password"),
                add_time=stamp(pd.now()),
            )
        pd.touch()
        return json_reply({"status": "ok", "success": True, "data": hook.as_v1()}, 201)

    @views.delete("/webhooks/<hook_id>")
    def delete_webhook(hook_id: str) -> Response:
        with pd.account.lock:
            if not hook_id.isdigit() or not pd.hooks.remove(int(hook_id)):
                raise hook_refused(404, {"id": ["not found"]})
        pd.touch()
        return json_reply({"status": "ok", "success": True})


def _ok(body: Any) -> Response:
    return json_reply({"status": "ok", "success": True, "data": body})


def _check(pd: PipedriveSandbox, body: dict[str, Any]) -> None:
    errors = {key: ["is required"] for key in _REQUIRED if body.get(key) is None}
    for key, value in body.items():
        if key not in _KEYS:
            errors[key] = ["is not allowed"]
        elif key not in errors and (problem := _KEYS[key](value)):
            errors[key] = [problem]
    if "subscription_url" not in errors and not _is_usable(pd, body["subscription_url"]):
        errors["subscription_url"] = ["invalid or non-reachable URL"]
    if errors:
        raise hook_refused(400, errors)
    if "user_id" in body and not pd.account.exists("user", body["user_id"]):
        raise Refusal(403, {"success": False, "message": "Forbidden"})


def _is_usable(pd: PipedriveSandbox, url: str) -> bool:
    """An absolute http(s) address that is not Pipedrive's own; with `verify_url`, one that takes connections."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or " " in url or parts.username is not None:
        return False
    if host == "pipedrive.com" or host.endswith(".pipedrive.com"):
        return False
    if pd.verify_url:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
            return True
        return False
    return True
