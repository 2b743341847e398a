"""A recipe over the records that exist already, as if what it waits for had just happened to each of them.

The other side lists them page by page; each becomes an event for this one recipe, with a key by which the same
state of the same record is known again, so nothing is made twice however often a page is asked for. Runs of a
backfill leave a part of every budget to what happens meanwhile, and no more of them wait than `BACKLOG`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

import structlog

from automations.clock import Clock
from automations.engine.catalog import BrokenRecipe, Catalog
from automations.engine.compiled import CompiledRecipe
from automations.engine.connections import Connections
from automations.engine.contracts import Arrival, ListedPage, NotYet, Window
from automations.engine.job_kinds import JobKind, JobView, Slice, said_of
from automations.engine.jobs import Jobs
from automations.engine.made_events import MadeEvents, Making
from automations.engine.registry import Registry
from automations.errors import InputError, RecipeError
from automations.model.database import Database
from automations.model.job import Job
from automations.model.recipe import Recipe
from automations.model.states import EventOrigin

BACKLOG = 1_000
PAGE = 500
COUNTED_PAGES = 200
LOOK_AGAIN_S = 2.0

_log = structlog.get_logger("backfill")

_WAITING = """
SELECT COUNT(*) FROM (SELECT 1 FROM run WHERE recipe_id=? AND status IN ('queued', 'running', 'waiting') LIMIT ?) r
"""
_UNDECIDED = """
SELECT COUNT(*) FROM (SELECT 1 FROM event e WHERE e.decided_at IS NULL
AND EXISTS (SELECT 1 FROM made_event m WHERE m.event_id=e.id AND +m.only_recipe_id=?) LIMIT ?) u
"""


@dataclass(frozen=True)
class Wish:
    """What a backfill was asked for. again: also records whose present state the recipe has seen."""

    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    again: bool = False

    @property
    def window(self) -> Window:
        return Window(self.since, self.until)

    def as_params(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "limit": self.limit,
            "again": self.again,
        }

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Wish:
        since, until = params.get("since"), params.get("until")
        return cls(
            datetime.fromisoformat(since) if since else None,
            datetime.fromisoformat(until) if until else None,
            params.get("limit"),
            bool(params.get("again")),
        )


class ExistingRecords:
    """Finds the recipe, lists its records, and tells which of them it is for. Thread-safe."""

    def __init__(self, database: Database, registry: Registry, connections: Connections) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections

    def recipe(self, recipe_id: int) -> CompiledRecipe:
        """Return the published version of a recipe that is on and whose trigger can list what exists.

        Raises InputError when it cannot be filled, RecipeError when its version cannot be used.
        """
        with self._database.read() as session:
            row = session.get(Recipe, recipe_id)
        if row is None:
            raise InputError("This recipe is gone.")
        if row.published_version_id is None or not row.enabled:
            raise InputError(
                f"{row.name!r} is off, so no event goes through it. Switch it on first: "
                f"automations recipe enable {row.name!r}"
            )
        found = Catalog(self._database, self._registry).version(row.published_version_id)
        if isinstance(found, BrokenRecipe):
            raise found.error
        because = found.trigger.cannot_list(found.trigger_fields)
        if because is not None:
            raise InputError(f"{row.name!r} cannot go over what exists already. {because}")
        return found

    def page(self, recipe: CompiledRecipe, cursor: Any, wish: Wish, limit: int) -> ListedPage:
        """List the next page, behind live traffic. Raises DeliveryError, CredentialsError."""
        client = self._connections.client(recipe.connection.id, can_wait=True)
        if cursor is None:
            recipe.trigger.prepare(recipe.trigger_fields, client)
        return recipe.trigger.existing(recipe.trigger_fields, client, cursor, wish.window, limit)

    def why_not(self, recipe: CompiledRecipe, arrival: Arrival) -> str:
        """Return why the trigger or its narrowing leaves a record out; empty when it does not."""
        occurrence = recipe.kind.read(arrival.topic, arrival.payload)
        because = recipe.trigger.occurred(occurrence)
        if because is not None:
            return because
        directory = self._connections.directory(recipe.connection.id)
        narrowed = recipe.trigger.narrow(recipe.trigger_fields, occurrence, directory)
        if isinstance(narrowed, NotYet):
            return "the account does not have what the trigger's fields name"
        return narrowed or ""


class Backfill(JobKind):
    """The job kind: first counts what there is, then makes events of it."""

    name = "backfill"
    title = "Backfill"
    unit = "records"
    words: ClassVar[Mapping[str, str]] = {
        "done": "listed",
        "made": "sent through",
        "skipped": "left out",
        "failed": "failed",
    }

    def __init__(
        self, database: Database, records: ExistingRecords, clock: Clock, ring: Callable[[], None]
    ) -> None:
        self._database = database
        self._records = records
        self._made = MadeEvents(database)
        self._clock = clock
        self._ring = ring

    def sentence(self, job: JobView) -> str:
        wish = Wish.of(job.params)
        limit = f", at most {wish.limit:,}" if wish.limit else ""
        since = f" since {wish.since:%Y-%m-%d %H:%M}" if wish.since else ""
        until = f" until {wish.until:%Y-%m-%d %H:%M}" if wish.until else ""
        return f"existing records through {job.params.get('recipe', 'a recipe')!r}{since}{until}{limit}"

    def slice(self, job: JobView, room: int) -> Slice:
        recipe = self._records.recipe(job.recipe_id or 0)
        wish = Wish.of(job.params)
        cursor = dict(job.cursor or {"counting": True, "page": None, "counted": 0, "pages": 0})
        if cursor["counting"]:
            return self._count(recipe, wish, cursor)
        if self._waiting(recipe.recipe_id) >= BACKLOG:
            reason = f"waits until fewer than {BACKLOG:,} runs of this recipe are under way"
            return Slice(cursor, wait_s=LOOK_AGAIN_S, reason=reason)
        return self._make(job, recipe, wish, cursor, room)

    def _count(self, recipe: CompiledRecipe, wish: Wish, cursor: dict[str, Any]) -> Slice:
        page = self._records.page(recipe, cursor["page"], wish, PAGE)
        counted, pages = cursor["counted"] + len(page.arrivals), cursor["pages"] + 1
        over = (
            page.cursor is None
            or pages >= COUNTED_PAGES
            or (wish.limit is not None and counted >= wish.limit)
        )
        if not over:
            return Slice(
                {**cursor, "page": page.cursor, "counted": counted, "pages": pages}, reason="counting"
            )
        # Where counting was given up, how much there is stays unknown; a limit is known all the same.
        whole = page.cursor is None or wish.limit is not None
        expected = min(counted, wish.limit) if wish.limit is not None else counted
        following = {"counting": False, "page": None, "upto": self._made.newest()}
        return Slice(following, expected=expected if whole else None)

    def _make(
        self, job: JobView, recipe: CompiledRecipe, wish: Wish, cursor: dict[str, Any], room: int
    ) -> Slice:
        left = room if wish.limit is None else min(room, wish.limit - job.made)
        if left <= 0:
            return Slice(cursor, finished=True, reason=cursor.get("problem", ""))
        page = self._records.page(recipe, cursor["page"], wish, left)
        prefix = f"backfill/{recipe.recipe_id}" + (f".{job.id}" if wish.again else "")
        wanted, failed, problem = self._wanted(recipe, page, cursor.get("problem", ""))
        makings = [
            Making(
                replace(arrival, dedupe_key=f"{prefix}/{arrival.dedupe_key}"),
                only_recipe_id=recipe.recipe_id,
                again=wish.again,
            )
            for arrival in wanted
        ]
        made = self._made.store(
            recipe.connection.id, makings, EventOrigin.BACKFILL, self._clock.now(), since=cursor.get("upto")
        )
        if made:
            self._ring()
        return Slice(
            {**cursor, "page": page.cursor, "problem": problem, "upto": self._made.newest()},
            done=len(page.arrivals),
            made=made,
            skipped=len(page.arrivals) - made - failed,
            failed=failed,
            finished=page.cursor is None,
            reason=problem,
        )

    def _wanted(
        self, recipe: CompiledRecipe, page: ListedPage, problem: str
    ) -> tuple[list[Arrival], int, str]:
        """Return the records that the recipe is for, how many failed, and why the last one did."""
        wanted: list[Arrival] = []
        failed = 0
        for arrival in page.arrivals:
            try:
                if not self._records.why_not(recipe, arrival):
                    wanted.append(arrival)
            except Exception as error:  # noqa: BLE001 - one record must not stop the others
                problem, failed = said_of(arrival.record_key, error), failed + 1
                _log.warning("backfill.record_failed", record=arrival.record_key, error=type(error).__name__)
        return wanted, failed, problem

    def _waiting(self, recipe_id: int) -> int:
        """Return how many runs and undecided events of the recipe there are, counted up to the limit."""
        with self._database.connect_for_read() as connection:
            return sum(
                connection.exec_driver_sql(self._database.sql(sql), (recipe_id, BACKLOG)).scalar_one()
                for sql in (_WAITING, _UNDECIDED)
            )


class Backfills:
    """For pages and commands: what a backfill would do, and asking for one."""

    def __init__(self, records: ExistingRecords, jobs: Jobs) -> None:
        self._records = records
        self._jobs = jobs

    def start(self, recipe_id: int, wish: Wish, *, rate_per_minute: int | None = None, by: str = "") -> Job:
        """Ask for a backfill; one a recipe at a time.

        Raises InputError when the recipe is off or cannot list, or one is open already; RecipeError.
        """
        if wish.limit is not None and wish.limit < 1:
            raise InputError(f"A limit of {wish.limit} leaves nothing to do; give 1 or more.")
        if wish.since and wish.until and wish.since >= wish.until:
            raise InputError("Since must be earlier than until.")
        recipe = self._records.recipe(recipe_id)
        return self._jobs.start(
            Backfill.name,
            {**wish.as_params(), "recipe": recipe.name},
            recipe_id=recipe_id,
            connection_id=recipe.connection.id,
            rate_per_minute=rate_per_minute,
            by=by,
            alone=f"backfill:{recipe_id}",
        )

    def why_not(self, recipe_id: int) -> str:
        """Return why a recipe cannot be filled; empty when it can."""
        try:
            self._records.recipe(recipe_id)
        except (InputError, RecipeError) as error:
            return error.message
        return ""
