"""The sandbox CleverTap for people: the profiles, events and upload calls it received."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template

from .page_basics import clock_text, secure

if TYPE_CHECKING:
    from .clevertap import ClevertapSandbox

SHOWN = 50


def blueprint(ct: ClevertapSandbox) -> Blueprint:
    views = Blueprint(
        "page", __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
    )
    views.after_request(secure)

    @views.get("/")
    def home() -> str:
        with ct.lock:
            context = _seen(ct)
        return render_template("clevertap.html", pipedrive_url=ct.pipedrive_page_url, **context)

    return views


def _seen(ct: ClevertapSandbox) -> dict[str, Any]:
    profiles = [{"identity": key, "properties": dict(ct.profiles[key])} for key in reversed(ct.profiles)]
    events = [
        {**event, "at": datetime.fromtimestamp(event["ts"], UTC).strftime("%Y-%m-%d %H:%M:%S")}
        for event in reversed(ct.events[-SHOWN:])
    ]
    calls = [
        {"at": clock_text(call.at), "records": call.records, "taken": call.taken, "dry_run": call.dry_run}
        for call in reversed(ct.calls[-SHOWN:])
    ]
    return {
        "profiles": profiles[:SHOWN],
        "profile_count": len(ct.profiles),
        "events": events,
        "event_count": len(ct.events),
        "calls": calls,
        "call_count": len(ct.calls),
    }
