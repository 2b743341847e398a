"""What deciding costs with ten recipes and with ten thousand, and how soon a worker hears of new work."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from automations.assembly import Assembly
from automations.engine.catalog import Catalog, new_generation
from automations.engine.decider import Decider, Kinds
from automations.engine.guards import Guards, Limits
from automations.engine.ledger import Ledger
from automations.engine.queue import WakeUps
from automations.model.connection import Connection
from automations.model.recipe import Recipe, RecipeVersion
from bench.figures import Figure
from bench.installation import BATCHED
from bench.processes import BenchError
from bench.setting import Setting

_RECIPES = 10_000
_FEW = 10
_RINGS = 60
_RING_EVERY_S = 0.02


def measure_recipes(setting: Setting) -> list[Figure]:
    """By processor time, which does not depend on what else the machine does."""
    rates: dict[int, list[float]] = {}
    here = 3
    for wanted in (_FEW, _RECIPES):
        with setting.installation.opened() as assembly:
            _add_recipes(assembly, wanted - here)
        here = wanted
        rates[wanted] = [_decided_per_s(setting) for _ in range(setting.rounds)]
    few = statistics.median(rates[_FEW])
    return [
        Figure("decided_few_per_s", f"events decided a second of processor time, {_FEW} recipes", "/s", rates[_FEW]),
        Figure("decided_many_per_s", f"the same with {_RECIPES:,} recipes", "/s", rates[_RECIPES], few,
               f"{_FEW} recipes", ratio_at_least=0.9),
    ]  # fmt: skip


def _add_recipes(assembly: Assembly, count: int) -> None:
    """Publish copies of one recipe on a hundred further connections, as many accounts would have."""
    with assembly.database.write() as session:
        model = session.exec(select(Recipe).where(col(Recipe.name) == BATCHED)).one()
        version = session.get_one(RecipeVersion, model.published_version_id)
        connections = [_another_connection(session, model, place, count) for place in range(min(100, count))]
        for place in range(count):
            name = f"{BATCHED} {count}-{place}"
            recipe = Recipe(**{**_columns(model), "name": name})
            recipe.trigger_connection_id = connections[place % len(connections)]
            session.add(recipe)
            session.flush()
            copy = RecipeVersion(**{**_columns(version), "recipe_id": recipe.id})
            session.add(copy)
            session.flush()
            recipe.published_version_id = copy.id
        new_generation(session)


def _another_connection(session: Session, model: Recipe, place: int, count: int) -> int:
    old = session.get_one(Connection, model.trigger_connection_id)
    fresh = {"name": f"{old.name}-{count}-{place}", "hook_token": None}
    row = Connection(**{**_columns(old), **fresh})
    session.add(row)
    session.flush()
    return row.id or 0


def _columns(row: SQLModel) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).model_fields if name != "id"}


def _decided_per_s(setting: Setting) -> float:
    count = setting.scaled(2_000)
    setting.installation.fill(BATCHED, count, count // 2)
    with setting.installation.opened() as a:
        catalog = Catalog(a.database, a.registry)
        ledger = Ledger(a.database, a.clock, "bench")
        kinds = Kinds(a.database, a.registry)
        guards = Guards(a.database, a.clock, Limits())
        decider = Decider(a.database, a.registry, a.connections, catalog, ledger, kinds, guards)
        # Compiling the recipe once is not what one event costs.
        done = decider.decide_pending(50, lambda *_: None)
        before_s = time.process_time()
        while found := decider.decide_pending(500, lambda *_: None):
            done += found
        used_s = time.process_time() - before_s
    if done != count:
        raise BenchError(f"{done} of {count} events were decided")
    return (count - 50) / used_s


def measure_wake_up(setting: Setting) -> list[Figure]:
    """From the moment something is due to a worker's call, from one process to another's ear."""
    folder = setting.installation.folder / "bell"
    folder.mkdir()
    url = f"sqlite:///{folder}/queue.db"
    ringing, listening = WakeUps(url, folder), WakeUps(url, folder)
    heard = threading.Event()
    times: list[float] = []
    listening.start("bench", heard.set)
    try:
        time.sleep(0.5)
        for _ in range(_RINGS):
            heard.clear()
            start_s = time.perf_counter()
            ringing.ring()
            if not heard.wait(5.0):
                raise BenchError("a wake-up was not heard within 5 s")
            times.append((time.perf_counter() - start_s) * 1000)
            time.sleep(_RING_EVERY_S)
    finally:
        listening.stop()
        ringing.close()
    times.sort()
    return [
        Figure("wake_up_p50_ms", "a wake-up, median", "ms", [statistics.median(times)]),
        Figure("wake_up_p99_ms", "a wake-up, 99th percentile", "ms", [times[int(len(times) * 0.99)]], at_most=10),
    ]  # fmt: skip


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "recipes": measure_recipes,
    "wake-up": measure_wake_up,
}
