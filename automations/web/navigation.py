"""The side of every page: where one can go, and what wants a person there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import request

from automations.model.connection import Connection
from automations.model.states import ConnectionState, JobState
from automations.web.presenting import is_sandbox
from automations.web.services import services


@dataclass(frozen=True)
class Place:
    """wants: how many things there want a person, in the words of `meaning`."""

    title: str
    path: str
    icon: str
    current: bool
    wants: int = 0
    meaning: str = ""


def navigation() -> list[Place]:
    """Return the places of the side bar, in order."""
    parked = services().history.parked()
    connections = sum(wants_person(row) for row in services().connections.all())
    failed = sum(job.state == JobState.FAILED for job in services().jobs.list(20))
    at, on_parked = request.path, request.args.get("status") == "parked"
    on_runs = _within(at, "/runs")
    return [
        Place("Home", "/", "home", at == "/"),
        Place(
            "Recipes", "/recipes", "recipes", _within(at, "/recipes") and not _within(at, "/recipes/gallery")
        ),
        Place("Runs", "/runs", "runs", (on_runs and not on_parked) or _within(at, "/events")),
        Place("Parked", "/runs?status=parked", "parked", on_runs and on_parked, parked, "parked"),
        Place(
            "Connections", "/connections", "connections", _within(at, "/connections"), connections, "to mend"
        ),
        Place("Jobs", "/jobs", "jobs", _within(at, "/jobs"), failed, "stopped"),
        Place("Gallery", "/recipes/gallery", "gallery", _within(at, "/recipes/gallery")),
        Place("Settings", "/settings", "settings", _within(at, "/settings")),
    ]


def wants_person(row: Connection) -> bool:
    """Tell whether a connection does not work until somebody does something."""
    return row.state == ConnectionState.PAUSED


def anything_sandbox() -> bool:
    """Tell whether some connection is not real, which every page then says."""
    return any(is_sandbox(row) for row in services().connections.all())


def refused_lately(row: Connection) -> bool:
    """Tell whether somebody called the inbound address with wrong credentials within the last day."""
    at = row.refused_hook_at
    return at is not None and services().clock.now() - at < timedelta(days=1)


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")
