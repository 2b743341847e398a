"""What the pages need of an installation. They are handed it ready and never make any of it themselves."""

from __future__ import annotations

from typing import Protocol, cast

from flask import current_app

from automations.clock import Clock
from automations.engine.account_changes import AccountChanges
from automations.engine.backfill import Backfills
from automations.engine.backfill_preview import BackfillPreviews
from automations.engine.breaker import OpenBreakers
from automations.engine.chains import Chains
from automations.engine.connections import Connections
from automations.engine.history import History
from automations.engine.intake import Intake
from automations.engine.jobs import Jobs
from automations.engine.manual import ManualWork
from automations.engine.own_descriptions import OwnDescriptions
from automations.engine.people import People
from automations.engine.preview import Previews
from automations.engine.recipes import Recipes
from automations.engine.registry import Registry
from automations.engine.replays import Replays
from automations.engine.samples import Samples
from automations.engine.stops import Stops
from automations.engine.subscriptions import Subscriptions
from automations.engine.sweeps import Sweeps
from automations.engine.testrun import TestRuns
from automations.engine.tokens import Tokens
from automations.engine.usage import UsageBook
from automations.model.database import Database
from automations.model.sealing import Sealer
from automations.settings import Settings

_EXTENSION = "automations.services"


class Services(Protocol):
    """The parts of one installation; the assembly has them all."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def database(self) -> Database: ...
    @property
    def sealer(self) -> Sealer: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def own_descriptions(self) -> OwnDescriptions: ...
    @property
    def recipes(self) -> Recipes: ...
    @property
    def samples(self) -> Samples: ...
    @property
    def history(self) -> History: ...
    @property
    def test_runs(self) -> TestRuns: ...
    @property
    def previews(self) -> Previews: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def account_changes(self) -> AccountChanges: ...
    @property
    def people(self) -> People: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def stops(self) -> Stops: ...
    @property
    def breakers(self) -> OpenBreakers: ...
    @property
    def chains(self) -> Chains: ...
    @property
    def manual(self) -> ManualWork: ...
    @property
    def replays(self) -> Replays: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def backfills(self) -> Backfills: ...
    @property
    def backfill_previews(self) -> BackfillPreviews: ...
    @property
    def sweeps(self) -> Sweeps: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def usage(self) -> UsageBook: ...


def provide(extensions: dict[str, object], given: Services) -> None:
    """Make `given` what `services` returns inside the app that has these extensions."""
    extensions[_EXTENSION] = given


def services() -> Services:
    """Return the installation that the current app serves."""
    return cast(Services, current_app.extensions[_EXTENSION])
