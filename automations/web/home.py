"""The first page: what wants a person, what happened today, and how to begin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint, render_template

from automations.engine.presence import live
from automations.model.states import ProcessRole, Role, RunStatus
from automations.web.auth import requires
from automations.web.guarding import sentence_of, silent_connections
from automations.web.navigation import refused_lately, wants_person
from automations.web.presenting import plural, size
from automations.web.services import services

LAST_RUNS = 8
TOLD = (
    RunStatus.SUCCEEDED,
    RunStatus.FILTERED,
    RunStatus.QUEUED,
    RunStatus.RUNNING,
    RunStatus.WAITING,
    RunStatus.PARKED,
    RunStatus.CANCELLED,
)

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True)
class Wanted:
    """Something that wants a person. move: what the link to `path` does."""

    text: str
    path: str
    move: str


@dataclass(frozen=True)
class FirstStep:
    text: str
    path: str
    done: bool


@blueprint.get("/")
@requires(Role.VIEWER)
def index() -> str:
    today: Counter[str] = Counter()
    for counts in services().history.counts().values():
        today.update(counts)
    lines = services().history.runs(limit=LAST_RUNS)
    return render_template(
        "home.html",
        wanted=_wanted(),
        today=[(status, today[status]) for status in TOLD if today[status]],
        undecided=services().history.undecided(),
        lines=lines,
        steps=[] if lines else _first_steps(),
    )


def _wanted() -> list[Wanted]:
    found = []
    parked = services().history.parked()
    if parked:
        found.append(
            Wanted(f"{plural(parked, 'run is', 'runs are')} parked.", "/runs?status=parked", "Look at them")
        )
    undecided = services().history.undecided()
    if undecided and not any(
        one.role == ProcessRole.WORKER for one in live(services().database, services().clock)
    ):
        text = f"{plural(undecided, 'event waits', 'events wait')} and no worker runs: start `automations worker`."
        found.append(Wanted(text, "/events", "Look at them"))
    for row in services().connections.all():
        path = f"/connections/{row.id}"
        if wants_person(row):
            found.append(Wanted(f"{row.name} is paused: {row.state_reason}", path, "Mend it"))
        if refused_lately(row):
            times = plural(row.refused_hooks, "call")
            found.append(Wanted(f"{row.name} refused {times} with wrong credentials.", path, "Look at it"))
    for recipe_id, words in services().account_changes.warnings().items():
        found.append(Wanted(" ".join(words), f"/recipes/{recipe_id}", "Change the recipe"))
    usage = services().usage.last()
    if usage is not None and usage.is_over:
        text = f"History takes {size(usage.used_bytes)}, more than the {size(usage.budget_bytes)} it may."
        found.append(Wanted(text, "/settings/storage", "See what takes it"))
    for stop in services().stops.open():
        found.append(Wanted(sentence_of(stop), "/recipes", "See how it goes on"))
    for number, said in silent_connections():
        found.append(Wanted(said, f"/connections/{number}", "Look at it"))
    for problem in services().registry.problems:
        found.append(Wanted(problem.message, "/connections", "See the connectors"))
    return found


def _first_steps() -> list[FirstStep]:
    kinds = services().registry.kinds
    rows = services().connections.all()
    recipes = services().recipes.all()
    sources = [row for row in rows if (kind := kinds.get(row.kind)) and kind.receives]
    return [
        FirstStep("Connect where things happen, such as your CRM.", "/connections/add", bool(sources)),
        FirstStep("Connect where something should follow.", "/connections/add", len(rows) > 1),
        FirstStep("Take a recipe from the gallery, or build one.", "/recipes/gallery", bool(recipes)),
        FirstStep("Switch it on.", "/recipes", any(view.recipe.enabled for view in recipes)),
        FirstStep("Wait for the first event, or make one happen.", "/events", False),
    ]
