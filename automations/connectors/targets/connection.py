"""The connection to one account of a described service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from automations.connectors.targets.calls import root_of
from automations.connectors.targets.client import TargetClient
from automations.connectors.targets.drafting import drafted
from automations.connectors.targets.library import Library, compiled, shipped
from automations.connectors.targets.previewing import previewed
from automations.connectors.targets.settings import TargetSettings, as_read
from automations.connectors.targets.target import Target
from automations.engine.contracts import (
    ConnectionReport,
    ConnectionSettings,
    DescribedKind,
    Description,
    DirectoryLike,
    DoorLike,
    JsonObject,
    Pool,
)
from automations.errors import InputError, NotFoundError, RecipeProblems


class TargetConnection(DescribedKind):
    """One account of a service that takes profiles and events, such as Mixpanel, Braze or Customer.io.

    Each service is described by one file: what it asks for, how its records look, how much it takes at once and how
    it says no. You can describe one of your own.
    """

    kind = "target"
    title = "Profile and event service"
    setting = "target"
    Settings = TargetSettings

    def __init__(self) -> None:
        self.library = Library()

    def settings_table(self, values: Mapping[str, Any]) -> type[ConnectionSettings]:
        name = str(values.get("target") or "")
        try:
            return self.library.target(name).settings
        except NotFoundError as error:
            raise InputError(f"Service: {error.message}", code="setting.target") from error
        except RecipeProblems as error:
            raise InputError(
                f"Service: the description {name!r} cannot be used. {error.message}", code="setting.target"
            ) from error

    def stand_in(self, name: str) -> Mapping[str, Any]:
        """A stand-in's description is the one whose name stands in its own, such as `acme-mixpanel`."""
        text = name.lower().replace("_", "-")
        found = [one for one in self.library.names() if one.replace("_", "-") in text]
        return {"target": max(found, key=len, default="segment")}

    def client(self, settings: TargetSettings, door: DoorLike, directory: DirectoryLike) -> TargetClient:
        return TargetClient(_target_of(settings), settings, door, directory)

    def budgets_of(self, settings: TargetSettings) -> Sequence[Pool]:
        return _target_of(settings).pools

    def hosts(self, settings: TargetSettings) -> frozenset[str]:
        target = _target_of(settings)
        root = root_of(target, as_read(target.part, settings), settings.base_url)
        return frozenset({urlsplit(root).netloc.lower()})

    def test(self, client: TargetClient) -> ConnectionReport:
        """Make the harmless call that the description names."""
        return client.try_account()

    # -- descriptions

    def bring(self, own: Any) -> None:
        self.library.own = own

    def descriptions(self) -> Sequence[Description]:
        found = [_description(name, made, own=name not in shipped()) for name, made in self.library.all()]
        return sorted(found, key=lambda one: one.title.lower())

    def read_description(self, text: str, *, file: str = "") -> Description:
        made = compiled(text, file)
        return _description(made.name, made, own=made.name not in shipped())

    def text_of(self, name: str) -> str:
        return self.library.text(name)

    def draft(self, answers: Mapping[str, str]) -> str:
        return drafted(answers)

    def requests_for(
        self, text: str, given: Mapping[str, Any], sample: Mapping[str, Any]
    ) -> Sequence[JsonObject]:
        return previewed(compiled(text), given, sample)


def _target_of(settings: TargetSettings) -> Target:
    target = settings.described
    if not isinstance(target, Target):
        raise InputError("These settings name no description. Save the connection again.")
    return target


def _description(name: str, made: Target | RecipeProblems, *, own: bool) -> Description:
    if isinstance(made, RecipeProblems):
        return Description(name, name, "", own, problem=made.message)
    return Description(name, made.title, made.part.about, own, tuple(made.part.sources))
