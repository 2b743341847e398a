"""Everything put together: one installation's database, connectors, services. Made once a process.

This is the only module that knows all layers; pages and commands receive it ready.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from automations.clock import Clock, SystemClock
from automations.connectors.http import Door, SessionPool
from automations.connectors.http import DoorMode as HttpDoorMode
from automations.connectors.oauth import OAuthCalls
from automations.connectors.own_address import NeverItself
from automations.engine.account_changes import AccountChanges
from automations.engine.backfill import Backfill, Backfills, ExistingRecords
from automations.engine.backfill_preview import BackfillPreviews
from automations.engine.breaker import OpenBreakers
from automations.engine.chains import Chains
from automations.engine.chores import Chore, Chores
from automations.engine.connections import Connections
from automations.engine.contracts import DirectoryLike, DoorLike, DoorMode, Fence
from automations.engine.disk import Disk
from automations.engine.footprints import Footprints
from automations.engine.guards import Limits
from automations.engine.history import History
from automations.engine.intake import Intake
from automations.engine.job_kinds import JobKind
from automations.engine.jobs import Jobs
from automations.engine.manual import ManualWork
from automations.engine.old_jobs import forget_old_jobs
from automations.engine.own_descriptions import OwnDescriptions
from automations.engine.packer import Packer
from automations.engine.people import People
from automations.engine.preview import Previews
from automations.engine.queue import WakeUps
from automations.engine.recipes import Recipes
from automations.engine.registry import Registry
from automations.engine.renderer import RenderPool
from automations.engine.replay_job import ReplayKind
from automations.engine.replay_making import ReplayMaking
from automations.engine.replays import Replays
from automations.engine.retention import Retention
from automations.engine.runner import Runner
from automations.engine.samples import Samples
from automations.engine.stops import Stops
from automations.engine.subscriptions import Subscriptions
from automations.engine.sweep import Sweep
from automations.engine.sweeps import LOOK_EVERY, Sweeps
from automations.engine.testrun import TestRuns
from automations.engine.tidying import Tidying
from automations.engine.tokens import Tokens
from automations.engine.usage import UsageBook
from automations.engine.workforce import Workforce
from automations.errors import AutomationError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.sealing import Sealer
from automations.settings import Settings


@dataclass
class Assembly:
    """One installation in this process. Parts are made at first use; `close` ends threads and connections."""

    settings: Settings
    clock: Clock
    registry: Registry
    database: Database
    sealer: Sealer

    @classmethod
    def make(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        registry: Registry | None = None,
        migrate: bool = True,
        extra_connectors: Sequence[Path] = (),
    ) -> Assembly:
        """Open the installation of these settings. Raises SettingsError when it cannot be used."""
        database = Database(settings.resolved_database_url)
        if migrate:
            database.migrate()
        configured = settings.secret_keys.get_secret_value() if settings.secret_keys else None

        def sealed_rows_exist() -> bool:
            with database.read() as session:
                found = session.exec(
                    select(func.count()).select_from(Connection).where(col(Connection.sealed) != "")
                )
                return found.one() > 0

        sealer = Sealer.from_instance(settings.instance, configured, sealed_rows_exist=sealed_rows_exist)
        made = cls(
            settings=settings,
            clock=clock or SystemClock(),
            registry=registry or Registry.discover(extra_paths=extra_connectors),
            database=database,
            sealer=sealer,
        )
        if registry is None:
            # One that is given brings the descriptions of its own installation along.
            made.own_descriptions.bring()
        return made

    @cached_property
    def _sessions(self) -> SessionPool:
        return SessionPool(NeverItself(self.settings.networks, self.settings.public_url))

    def _open_door(
        self,
        name: str,
        mode: DoorMode,
        secrets: Sequence[str],
        hosts: frozenset[str] | None,
        fence: Fence | None = None,
    ) -> DoorLike:
        return Door(
            self._sessions,
            connection=name,
            mode=HttpDoorMode(mode.value),
            secrets=secrets,
            allowed_hosts=hosts,
            fence=fence,
        )

    @cached_property
    def connections(self) -> Connections:
        calls = OAuthCalls(self._open_door)
        return Connections(
            self.database, self.registry, self.sealer, self.clock, self._open_door, token_calls=calls
        )

    @cached_property
    def own_descriptions(self) -> OwnDescriptions:
        return OwnDescriptions(
            self.database, self.registry, self.connections, self.clock, self.settings.instance
        )

    @cached_property
    def recipes(self) -> Recipes:
        return Recipes(self.database, self.registry, self.clock, self._know_account)

    def _know_account(self, connection_id: int) -> tuple[Any, DirectoryLike] | None:
        """Return what a recipe's mappings are checked against when it is saved."""
        try:
            return self.connections.open(connection_id).settings, self.connections.directory(connection_id)
        except AutomationError:
            return None

    @cached_property
    def samples(self) -> Samples:
        return Samples(self.database, self.registry, self.connections, self.clock)

    @cached_property
    def history(self) -> History:
        return History(self.database, self.registry, self.clock)

    @cached_property
    def test_runs(self) -> TestRuns:
        return TestRuns(self.connections, self.clock)

    @cached_property
    def render_pool(self) -> RenderPool:
        return RenderPool(1)

    @cached_property
    def previews(self) -> Previews:
        return Previews(self.registry, self.render_pool)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        return Subscriptions(
            self.database, self.registry, self.connections, self.clock, self.settings.public_url
        )

    @cached_property
    def account_changes(self) -> AccountChanges:
        return AccountChanges(self.database, self.registry, self.connections)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.database, self.clock)

    @cached_property
    def people(self) -> People:
        return People(self.database, self.clock)

    @cached_property
    def wake_ups(self) -> WakeUps:
        return WakeUps(self.settings.resolved_queue_url, self.settings.instance)

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.database, self.clock, self.wake_ups.ring, has_room=self.disk.has_room)

    @cached_property
    def manual(self) -> ManualWork:
        return ManualWork(self.database, self.clock, self.wake_ups.ring)

    @cached_property
    def retention(self) -> Retention:
        return Retention(
            self.database,
            self.clock,
            self.disk,
            keep_days=self.settings.retention_days,
            budget_bytes=self.settings.disk_budget_bytes,
        )

    @cached_property
    def disk(self) -> Disk:
        path = self.database.engine.url.database if self.database.on_sqlite else None
        return Disk(self.database, self.clock, Path(path).parent if path else None)

    @cached_property
    def usage(self) -> UsageBook:
        return UsageBook(self.database, self.clock, self.disk, self.settings.disk_budget_bytes)

    @cached_property
    def tidying(self) -> Tidying:
        packer = Packer(self.database, self.clock)
        return Tidying(self.clock, self.retention, packer, self.disk, self.usage)

    @cached_property
    def _existing_records(self) -> ExistingRecords:
        return ExistingRecords(self.database, self.registry, self.connections)

    @cached_property
    def _backfill(self) -> Backfill:
        return Backfill(self.database, self._existing_records, self.clock, self.wake_ups.ring)

    @cached_property
    def _sweep(self) -> Sweep:
        return Sweep(self.database, self.registry, self.connections, self.clock, self.wake_ups.ring)

    @cached_property
    def sweeps(self) -> Sweeps:
        return Sweeps(
            self.database, self.registry, self.connections, self.subscriptions, self.jobs, self.clock
        )

    @cached_property
    def backfills(self) -> Backfills:
        return Backfills(self._existing_records, self.jobs)

    @cached_property
    def backfill_previews(self) -> BackfillPreviews:
        return BackfillPreviews(self._existing_records, self.test_runs)

    @cached_property
    def jobs(self) -> Jobs:
        """Long work in slices; add your kind here."""
        kinds: list[JobKind] = [
            self.tidying,
            ReplayKind(self.database, self._replay_making),
            self._backfill,
            self._sweep,
        ]
        return Jobs(self.database, self.clock, {kind.name: kind for kind in kinds}, self.wake_ups.ring)

    @cached_property
    def _replay_making(self) -> ReplayMaking:
        return ReplayMaking(self.database, self.registry, self.connections, self.clock, self.wake_ups.ring)

    @cached_property
    def replays(self) -> Replays:
        return Replays(self.database, self._replay_making, self.jobs)

    @cached_property
    def stops(self) -> Stops:
        return Stops(self.database, self.clock, self.wake_ups.ring)

    @cached_property
    def breakers(self) -> OpenBreakers:
        return OpenBreakers(self.database)

    @cached_property
    def chains(self) -> Chains:
        return Chains(self.database)

    @cached_property
    def chores(self) -> Chores:
        """What is done from time to time; add yours here."""
        return Chores(
            self.database,
            self.clock,
            [
                Chore("missed-events", LOOK_EVERY, self.sweeps.look),
                Chore("old-jobs", timedelta(days=1), lambda: forget_old_jobs(self.database, self.clock)),
                Chore("webhooks", timedelta(minutes=15), self.subscriptions.mend),
                Chore("account-changes", timedelta(hours=1), self.account_changes.look),
                Chore("footprints", timedelta(minutes=15), Footprints(self.database, self.clock).forget_old),
                Chore("retention", timedelta(hours=1), lambda: self.tidying.run(rest=time.sleep)),
            ],
        )

    def runner(self, owner: str, workforce: Workforce | None = None) -> Runner:
        """Return a runner of that name; without a workforce it has every account for itself."""
        return Runner(
            self.database,
            self.registry,
            self.connections,
            self.clock,
            owner=owner,
            limits=Limits(self.settings.loop_depth, self.settings.loop_runs),
            workforce=workforce,
            ring=self.wake_ups.ring,
        )

    def be_ready_to_call(self) -> None:
        """Load now what the first call needs: certificates take 50 ms, in which a record would wait."""
        _ = self._sessions

    def close(self) -> None:
        made = self.__dict__
        if "intake" in made:
            self.intake.close()
        if "render_pool" in made:
            self.render_pool.close()
        if "wake_ups" in made:
            self.wake_ups.close()
        if "_sessions" in made:
            self._sessions.close()
        self.database.close()
