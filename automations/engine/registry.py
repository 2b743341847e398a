"""Which connectors there are: found by folder, checked, and handed along as one value.

A connector is a folder with `connection.py`, `triggers/*.py` and `actions/*.py`; adding an action is adding a
file. Installed packages bring theirs by an entry point in the group `automations.connectors`. Ours and theirs
pass the same checks, and what fails them becomes a `ConnectorLoadError` to show; the rest goes on working.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from automations.engine.admission import faults_of
from automations.engine.contracts import Action, ConnectionKind, Trigger, topic_patterns
from automations.errors import ConnectorLoadError

_Part = TypeVar("_Part", ConnectionKind, Trigger, Action)

ENTRY_POINT_GROUP = "automations.connectors"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that was probably meant, or None when none is near.

    Case does not count, and a name without its first word finds its whole (`deal_won` for `crm.deal_won`).
    """
    known = {candidate.lower(): candidate for candidate in names}
    wanted = name.lower()
    ends = [full for lower, full in known.items() if lower.endswith("." + wanted)]
    if len(ends) == 1:
        return ends[0]
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


@dataclass(frozen=True)
class Registry:
    """Every connection kind, trigger and action that passed the checks, by its permanent key.

    kinds and actions hold instances, triggers classes. problems: what could not be loaded, in order found.
    """

    kinds: Mapping[str, ConnectionKind]
    triggers: Mapping[str, type[Trigger]]
    actions: Mapping[str, Action]
    problems: Sequence[ConnectorLoadError] = ()

    @classmethod
    def discover(
        cls,
        packages: Sequence[str] = ("automations.connectors",),
        entry_points: bool = True,
        extra_paths: Sequence[Path] = (),
    ) -> Registry:
        """Import and check everything, once, at start.

        packages: names of packages of connector folders. entry_points: also what is installed in the group
        `automations.connectors`; each names such a package, one connector's package, or a module.
        extra_paths: folders of single Python files, each with triggers or actions of any connector here.

        Never raises because of a connector: what cannot be used is in `problems`.
        """
        found = _Found()
        for package in packages:
            found.take_package(package)
        for entry in sorted(_installed() if entry_points else (), key=lambda entry: entry.name):
            found.take_package(entry.module, called=f"{entry.module} (entry point {entry.name})")
        for folder in extra_paths:
            for path in sorted(folder.glob("[!_]*.py")):
                found.take_module(str(path), partial(_import_file, path))
        return found.checked()

    def triggers_for(self, kind: str, topic: str) -> Sequence[type[Trigger]]:
        """Return the triggers that look at arrivals of this topic on connections of this kind."""
        found = [self._by_topic.get((kind, pattern), ()) for pattern in topic_patterns(topic)]
        return tuple(dict.fromkeys(trigger for triggers in found for trigger in triggers))

    @cached_property
    def _by_topic(self) -> Mapping[tuple[str, str], Sequence[type[Trigger]]]:
        """Triggers by kind and the very text of their topics, so that four look-ups find all that a topic fits."""
        by_topic: dict[tuple[str, str], list[type[Trigger]]] = {}
        for trigger in self.triggers.values():
            for topic in trigger.topics:
                by_topic.setdefault((trigger.connection.kind, topic), []).append(trigger)
        return {place: tuple(triggers) for place, triggers in by_topic.items()}

    def kind_of(self, part: Action | type[Trigger]) -> ConnectionKind | None:
        """Return the kind of connection that an action or trigger works with; None when it needs none."""
        return self.kinds[part.connection.kind] if part.connection else None


class _Found:
    """What discovery has come across so far; problems are noted, never raised."""

    def __init__(self) -> None:
        self.classes: list[type[Any]] = []
        self.problems: list[ConnectorLoadError] = []

    def take_package(self, name: str, called: str = "") -> None:
        module = self.take_module(called or name, partial(importlib.import_module, name))
        if module is None or not hasattr(module, "__path__"):
            return
        for root in map(Path, module.__path__):
            self._take_connector(name, root)
            for folder in sorted(root.iterdir() if root.is_dir() else ()):
                if folder.is_dir() and folder.name.isidentifier() and not folder.name.startswith("_"):
                    self._take_connector(f"{name}.{folder.name}", folder)

    def _take_connector(self, package: str, folder: Path) -> None:
        """Import one connector's modules; without its connection the rest would only repeat the problem."""
        before = len(self.problems)
        for name in _module_names(package, folder):
            self.take_module(name, partial(importlib.import_module, name))
            if name.endswith(".connection") and len(self.problems) > before:
                return

    def take_module(self, called: str, load: Callable[[], ModuleType]) -> ModuleType | None:
        try:
            module = load()
        except (Exception, SystemExit) as cause:  # noqa: BLE001 - a stranger's module may raise anything
            problem = ConnectorLoadError(
                f"{called} cannot be imported: {type(cause).__name__}: {cause}. "
                "Correct it or uninstall it, then restart.",
                module=called,
            )
            problem.__cause__ = cause
            self.problems.append(problem)
            return None
        self.classes += _parts_defined_in(module)
        return module

    def checked(self) -> Registry:
        kinds = self._admit(ConnectionKind, "kind")
        known = {type(kind) for kind in kinds.values()}
        triggers = {key: type(trigger) for key, trigger in self._admit(Trigger, "key", known).items()}
        actions = self._admit(Action, "key", known)
        return Registry(
            MappingProxyType(kinds),
            MappingProxyType(triggers),
            MappingProxyType(actions),
            tuple(self.problems),
        )

    def _admit(self, base: type[_Part], key_name: str, known_kinds: Iterable[type] = ()) -> dict[str, _Part]:
        """Return an instance by key of every `base` class that passes; note the others."""
        admitted: dict[str, _Part] = {}
        for part in dict.fromkeys(part for part in self.classes if issubclass(part, base)):
            try:
                faults = faults_of(part, known_kinds)
                instance = None if faults else part()
            except Exception as cause:  # noqa: BLE001 - checking runs the stranger's class
                faults, instance = [f"{type(cause).__name__}: {cause}"], None
            key = getattr(part, key_name, "")
            if not faults and key in admitted:
                faults = [f"{key_name} {key!r} is already taken by {type(admitted[key]).__module__}"]
            if faults:
                self._note_faults(part, faults)
            elif instance is not None:
                admitted[key] = instance
        return admitted

    def _note_faults(self, part: type[Any], faults: Sequence[str]) -> None:
        message = f"{part.__module__}.{part.__qualname__} cannot be used: {'; '.join(faults)}."
        self.problems.append(ConnectorLoadError(message, module=part.__module__))


def _installed() -> Iterable[EntryPoint]:
    return installed_entry_points(group=ENTRY_POINT_GROUP)


def _module_names(package: str, folder: Path) -> Iterator[str]:
    if (folder / "connection.py").is_file():
        yield f"{package}.connection"
    for part in ("triggers", "actions"):
        for path in sorted((folder / part).glob("[!_]*.py")):
            yield f"{package}.{part}.{path.stem}"


def _parts_defined_in(module: ModuleType) -> list[type[Any]]:
    """Return its own classes; imported ones belong elsewhere, and an underscore marks a base for others."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ConnectionKind | Trigger | Action)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]


def _import_file(path: Path) -> ModuleType:
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"automations_extra_{place}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Field types are resolved by looking the module up by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
