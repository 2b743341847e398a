"""Connectors are found by folder, pass one set of checks, and cannot break each other."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest

from automations.engine.registry import Registry, nearest

CONNECTION = '''
"""An account of Acme."""
from automations.engine.contracts import ConnectionKind

class AcmeConnection(ConnectionKind):
    """An account of Acme."""
    kind = "acme"
    title = "Acme"
'''

ACTION = '''
from automations.engine.contracts import Action, ActionFields, Outcome, field
from {package}.acme.connection import AcmeConnection

class Ring(Action):
    """Ring the bell.

    Source: Acme manual, "Bells", read 2026-03-01.
    """
    key = "acme.ring"
    title = "Ring"
    sentence = "ring the bell"
    connection = AcmeConnection
    examples = ({{"times": 2}},)

    class Fields(ActionFields):
        times: int = field("Times")

    def perform(self, fields, client, call):
        return Outcome()
'''

TRIGGER = '''
from automations.engine.contracts import Occurrence, Trigger
from {package}.acme.connection import AcmeConnection

class BellRung(Trigger):
    """The bell was rung."""
    key = "acme.bell_rung"
    title = "Bell rung"
    sentence = "the bell is rung"
    connection = AcmeConnection
    topics = ("bell.ring", "bell.toll")
    entity = "bell"
    sample = Occurrence("bell.ring", "bell", {{"id": 1}})
'''

_numbers = itertools.count()


class Site:
    """A folder on the import path in which a test lays out a package of connectors."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = f"registry_test_{next(_numbers)}"
        self.write("acme/connection.py", CONNECTION)
        self.write("acme/actions/ring.py", ACTION)
        self.write("acme/triggers/bell_rung.py", TRIGGER)

    def write(self, path: str, source: str) -> None:
        place = self.root / self.package / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            textwrap.dedent(source).replace("{package}", self.package).replace("{{", "{").replace("}}", "}")
        )

    def change(self, path: str, old: str, new: str) -> None:
        place = self.root / self.package / path
        source = place.read_text()
        assert old in source
        place.write_text(source.replace(old, new))

    def offer(self, entry: str, target: str) -> None:
        """Install an entry point, as a wheel's metadata would."""
        folder = self.root / f"{self.package}_{entry}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {self.package}-{entry}\nVersion: 1.0\n"
        )
        (folder / "entry_points.txt").write_text(f"[automations.connectors]\n{entry} = {target}\n")

    def discover(self) -> Registry:
        return Registry.discover((self.package,), entry_points=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    return Site(tmp_path)


def test_a_connector_is_found_by_its_folder(site: Site) -> None:
    registry = site.discover()
    assert list(registry.problems) == []
    assert set(registry.kinds) == {"acme"}
    assert set(registry.triggers) == {"acme.bell_rung"}
    assert set(registry.actions) == {"acme.ring"}


def test_triggers_are_found_by_kind_and_topic(site: Site) -> None:
    registry = site.discover()
    (trigger,) = registry.triggers_for("acme", "bell.toll")
    assert trigger.key == "acme.bell_rung"
    assert registry.triggers_for("acme", "bell.melt") == ()
    assert registry.triggers_for("other", "bell.toll") == ()


def test_every_part_knows_its_kind(site: Site) -> None:
    registry = site.discover()
    acme = registry.kinds["acme"]
    assert registry.kind_of(registry.actions["acme.ring"]) is acme
    assert registry.kind_of(registry.triggers["acme.bell_rung"]) is acme


def test_an_action_without_connection_has_no_kind_and_needs_no_source(site: Site) -> None:
    site.change("acme/actions/ring.py", "connection = AcmeConnection", "connection = None")
    site.change("acme/actions/ring.py", "Source: Acme manual", "From the manual")
    registry = site.discover()
    assert list(registry.problems) == []
    assert registry.kind_of(registry.actions["acme.ring"]) is None


def test_one_file_adds_an_action(site: Site) -> None:
    site.write("acme/actions/toll.py", ACTION.replace("acme.ring", "acme.toll").replace("Ring", "Toll"))
    assert set(site.discover().actions) == {"acme.ring", "acme.toll"}


def test_a_file_in_an_extra_folder_adds_an_action(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    source = ACTION.replace("acme.ring", "acme.toll").format(package=site.package)
    (folder / "toll.py").write_text("from __future__ import annotations\n" + source)
    (folder / "_draft.py").write_text("raise RuntimeError")
    registry = Registry.discover((site.package,), entry_points=False, extra_paths=[folder])
    assert list(registry.problems) == []
    assert registry.actions["acme.toll"].Fields.model_validate({"times": "3"}).mapped() == {"times": 3}


def test_bases_and_imported_classes_are_not_parts(site: Site) -> None:
    site.write("acme/actions/_shared.py", "raise RuntimeError('private files are not scanned')")
    site.write(
        "acme/actions/base.py", "from automations.engine.contracts import Action\nclass _Base(Action): ...\n"
    )
    assert list(site.discover().problems) == []


def test_a_broken_action_leaves_the_rest_working(site: Site) -> None:
    site.write("acme/actions/broken.py", "import a_module_that_nobody_has\n")
    registry = site.discover()
    (problem,) = registry.problems
    assert problem.module == f"{site.package}.acme.actions.broken"
    assert "a_module_that_nobody_has" in problem.message
    assert isinstance(problem.__cause__, ModuleNotFoundError)
    assert set(registry.actions) == {"acme.ring"}


@pytest.mark.parametrize("line", ["raise RuntimeError('no')", "import sys; sys.exit(3)", "def broken(:"])
def test_a_broken_connection_is_one_problem_for_the_whole_connector(site: Site, line: str) -> None:
    site.write("acme/connection.py", line)
    site.write("bell/connection.py", CONNECTION.replace("acme", "bell"))
    registry = site.discover()
    assert [problem.module for problem in registry.problems] == [f"{site.package}.acme.connection"]
    assert set(registry.kinds) == {"bell"}


def test_a_missing_package_is_a_problem(site: Site) -> None:
    registry = Registry.discover(("no_such_package_anywhere",), entry_points=False)
    assert [problem.module for problem in registry.problems] == ["no_such_package_anywhere"]


def test_the_first_keeps_a_key_that_two_claim(site: Site) -> None:
    site.write("zebra/actions/ring.py", ACTION)
    registry = site.discover()
    (problem,) = registry.problems
    assert "'acme.ring' is already taken" in problem.message
    assert problem.module == f"{site.package}.zebra.actions.ring"
    assert type(registry.actions["acme.ring"]).__module__ == f"{site.package}.acme.actions.ring"


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("acme/connection.py", 'kind = "acme"', 'kind = "Acme!"', "kind must be"),
        ("acme/connection.py", '    """An account of Acme."""\n', "", "no docstring"),
        ("acme/actions/ring.py", '"acme.ring"', '"ring"', "key must be word.word"),
        ("acme/actions/ring.py", "Source: Acme manual", "See the manual", "no line `Source: …`"),
        ("acme/actions/ring.py", "examples =", "samples =", "no examples"),
        ("acme/actions/ring.py", '{"times": 2}', '{"time": 2}', "does not have: time"),
        ("acme/actions/ring.py", 'field("Times")', "1", "Fields.times must be declared"),
        ("acme/actions/ring.py", 'field("Times")', 'field("Times", one_of="x")', "needs a default"),
        ("acme/actions/ring.py", "Fields(ActionFields)", "Fields", "must be a class based on ActionFields"),
        (
            "acme/actions/ring.py",
            "connection = AcmeConnection",
            "connection = dict",
            "no registered connection",
        ),
        ("acme/actions/ring.py", "examples =", "batch = object\n    examples =", "instance of Batch"),
        ("acme/actions/ring.py", "def perform(", "def __init__(self, x): ...\n    def perform(", "TypeError"),
        ("acme/triggers/bell_rung.py", "sample =", "example =", "no sample"),
        ("acme/triggers/bell_rung.py", '{"id": 1}', '{"id": {1}}', "not plain JSON"),
        ("acme/triggers/bell_rung.py", '("bell.ring", "bell.toll")', "()", "at least one topic"),
        ("acme/triggers/bell_rung.py", 'sentence = "the bell is rung"', 'sentence = " "', "no sentence"),
    ],
)
def test_what_a_part_lacks_is_said(site: Site, path: str, old: str, new: str, said: str) -> None:
    site.change(path, old, new)
    problems = [problem.message for problem in site.discover().problems]
    assert said in problems[0]
    assert site.package in problems[0]


def test_an_installed_package_is_scanned_like_ours(site: Site) -> None:
    site.offer("whole", site.package)
    registry = Registry.discover(())
    assert set(registry.actions) == {"acme.ring"}
    assert list(registry.problems) == []


def test_an_entry_point_may_name_one_connector_or_one_module(site: Site) -> None:
    site.offer("one", f"{site.package}.acme")
    assert set(Registry.discover(()).actions) == {"acme.ring"}
    other = Site(site.root)
    for folder in site.root.glob("*.dist-info"):
        folder.rename(folder.with_suffix(".gone"))
    other.offer("kind", f"{other.package}.acme.connection")
    registry = Registry.discover(())
    assert set(registry.kinds) == {"acme"}
    assert set(registry.actions) == set()


def test_a_broken_entry_point_is_named(site: Site) -> None:
    site.offer("broken", "a_package_that_nobody_has")
    registry = Registry.discover((site.package,))
    (problem,) = registry.problems
    assert "entry point broken" in problem.message
    assert set(registry.actions) == {"acme.ring"}


def test_the_nearest_name_is_offered_only_when_it_is_near() -> None:
    keys = ["pipedrive.deal_won", "pipedrive.deal_lost", "segment.track"]
    assert nearest("pipedrive.deal_wonn", keys) == "pipedrive.deal_won"
    assert nearest("deal_won", keys) == "pipedrive.deal_won"
    assert nearest("Identity", ["identity"]) == "identity"
    assert nearest("zzz", keys) is None
    assert nearest("anything", []) is None


@pytest.mark.parametrize(
    ("topics", "topic", "fits"),
    [
        (("bell.*",), "bell.ring", True),
        (("bell.*",), "door.ring", False),
        (("*.ring",), "door.ring", True),
        (("*.ring",), "door.open", False),
        (("*",), "door.open", True),
        (("*", "bell.ring"), "bell.ring", True),
        (("bell.ring",), "bell.*", False),
    ],
)
def test_a_trigger_may_look_at_a_pattern_of_topics(
    site: Site, topics: tuple[str, ...], topic: str, fits: bool
) -> None:
    path, sample = "acme/triggers/bell_rung.py", topics[0].replace("*", "bell")
    site.change(path, '("bell.ring", "bell.toll")', repr(topics))
    site.change(path, 'Occurrence("bell.ring"', f'Occurrence("{sample}"')
    registry = site.discover()
    found = [trigger.key for trigger in registry.triggers_for("acme", topic)]
    assert found == (["acme.bell_rung"] if fits else [])


def test_a_sample_that_a_trigger_does_not_look_at_is_a_fault(site: Site) -> None:
    site.change("acme/triggers/bell_rung.py", 'Occurrence("bell.ring"', 'Occurrence("door.open"')
    assert "does not look at" in str(site.discover().problems[0])
