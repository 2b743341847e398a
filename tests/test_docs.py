"""What the documents say exists, exists; what exists is in the documents."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from automations import errors
from automations.assembly import Assembly
from automations.cli import main
from automations.cli.lazy import DEBUG
from automations.engine.definition import FOR_EACH_MAX, STEPS_MAX, read_definition
from automations.engine.reference import Reference, reference
from automations.engine.reference.markdown import COMMAND, as_markdown
from automations.engine.registry import Registry
from automations.engine.retry import HORIZON, SCHEDULE_S
from automations.settings import Settings
from automations.web.app import create_app
from tests.docs.markdown import DOCS, ROOT, anchors, blocks, documents, links, prose
from tests.docs.tables import TABLES, walk, with_tables

WORDS = (
    "connection", "trigger", "event", "action", "recipe", "step", "field mapping", "sample record", "run",
    "delivery", "attempt", "parked", "replay", "backfill", "sweep", "job",
)  # fmt: skip
READ_ONLY = ("recipe test", "recipe list", "run list", "doctor")
# What a document uses to stand for something of the reader's own.
MADE_UP = re.compile(r"(automations|tests)/[\w/]*add_task\.py")

ADDED_KEY = "pipedrive.add_task"

REGISTRY = Registry.discover(entry_points=False)
EVERYTHING = "\n".join(path.read_text(encoding="utf-8") for path in documents())


@pytest.fixture(scope="module")
def found() -> Reference:
    return reference(REGISTRY)


def each_document() -> Any:
    return pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)


# -- what exists is documented


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_explained(word: str) -> None:
    assert f"| **{word}** |" in (DOCS / "concepts.md").read_text(encoding="utf-8")


@each_document()
def test_tables_say_what_the_code_says(document: Path) -> None:
    assert with_tables(document) == document.read_text(encoding="utf-8"), "Run: python -m tests.docs.tables"


def test_every_table_stands_somewhere() -> None:
    assert set(re.findall(r"<!-- table: (\w+) -->", EVERYTHING)) == set(TABLES)


def test_every_error_and_state_is_in_the_reference(found: Reference) -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    for name in {name for name, value in vars(errors).items() if getattr(value, "kind", None)}:
        assert f"`{name}`" in text
    for state in found.states:
        assert f"| {state.of} | `{state.word}` | {state.sentence} |" in text


def test_reference_holds_nothing_that_is_not_so(found: Reference) -> None:
    """Entry by entry, so that adding an action is adding a file: its page follows with the next `COMMAND`."""
    written = _entries((DOCS / "reference.md").read_text(encoding="utf-8"))
    real = _entries(as_markdown(found))
    for title, text in written.items():
        assert text == real.get(title), f"{title} is outdated. Run: {COMMAND} > docs/reference.md"
    new = set(real) - set(written)
    assert all(title.startswith("### `") for title in new)


def _entries(document: str) -> dict[str, str]:
    """Return every part of the reference under its heading; connections and actions share no key."""
    parts = re.split(r"^(##+ .+)$", document, flags=re.MULTILINE)
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_retries_are_told_as_they_are() -> None:
    words = [_duration(seconds) for seconds in SCHEDULE_S]
    text = " ".join((DOCS / "guarantees.md").read_text(encoding="utf-8").split())
    assert f"after {', '.join(words[:-1])} and {words[-1]}" in text
    assert f"up to {HORIZON.total_seconds() / 3600:.0f} hours" in text


def _duration(seconds: int) -> str:
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def test_limits_are_told_as_they_are() -> None:
    text = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert f"| steps of a recipe | {STEPS_MAX} |" in text
    assert f"| items of a `for_each` | {FOR_EACH_MAX:,} |" in text


def test_what_is_not_built_yet_is_not_there() -> None:
    """Whoever builds one of these takes it out of the list."""
    assert not [name for name in REGISTRY.kinds["pipedrive"].Settings.model_fields if "oauth" in name]


# -- what is documented exists


@each_document()
def test_settings_exist(document: Path) -> None:
    known = {f"AUTOMATIONS_{name.upper()}" for name in Settings.model_fields} | {DEBUG}
    assert set(re.findall(r"\bAUTOMATIONS_[A-Z_]+\b", document.read_text(encoding="utf-8"))) <= known


@each_document()
def test_keys_of_triggers_and_actions_exist(document: Path) -> None:
    kinds = {key.partition(".")[0] for key in (*REGISTRY.actions, *REGISTRY.triggers)}
    told = re.findall(rf"[`\s](({'|'.join(kinds)})\.[a-z]\w+)[`\s]", document.read_text(encoding="utf-8"))
    known = {*REGISTRY.actions, *REGISTRY.triggers, ADDED_KEY}
    # `event.occurred_at` and the like are names in templates, not keys.
    assert {key for key, kind in told} <= known | {f"{kind}.com" for kind in kinds}


@each_document()
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (document.parent / place) if place else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document()
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`((?:automations|tests|docs|static|templates|bench)/[\w./-]*)`", prose(document))
    for path in named:
        assert MADE_UP.fullmatch(path) or (ROOT / path).exists(), path


def commands() -> list[tuple[str, list[str]]]:
    """Return every line of every shell block as (document, words)."""
    return [
        (path.name, shlex.split(line))
        for path in documents()
        for block in blocks(path, "sh")
        for line in block.text.splitlines()
        if line.strip()
    ]


@pytest.mark.parametrize(("document", "words"), commands())
def test_commands_are_real(document: str, words: list[str]) -> None:
    program, rest = Path(words[0]).name, words[1:]
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(rest) <= set(targets)
    elif program == "python":
        assert rest[:1] == ["-m"]
    else:
        assert program == "automations"
        _parse(rest)


@each_document()
def test_commands_within_sentences_are_real(document: Path) -> None:
    known = {" ".join(path) for path, _ in walk(main)}
    groups = {name.rpartition(" ")[0] for name in known}
    for text in re.findall(r"`automations ([a-z][^`]*)`", prose(document)):
        words = " ".join(word for word in text.split() if re.fullmatch(r"[a-z]+", word))
        assert words in known | groups, text


def _parse(words: list[str]) -> None:
    """Let click read the words as it would, short of doing anything."""
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    # Files of the reader's own are not here.
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    command.make_context(command.name, list(words))


# -- the README


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AUTOMATIONS_{name.upper()}", raising=False)
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return tmp_path


def test_commands_of_the_readme_that_change_nothing_run_in_their_order(instance: Path) -> None:
    lines = [words[1:] for document, words in commands() if document == "README.md"]
    harmless = [words for words in lines if " ".join(words).startswith(READ_ONLY)]
    assert len(harmless) >= 4
    for words in harmless:
        ran = CliRunner().invoke(main, words)
        assert ran.exit_code == 0, f"{words}: {ran.output}"


def test_action_of_the_readme_is_the_one_of_its_guide() -> None:
    (block,) = blocks(ROOT / "README.md", "python")
    whole = (DOCS / "add-an-action.md").read_text(encoding="utf-8")
    for line in filter(str.strip, block.text.splitlines()):
        assert line.strip().removesuffix('"""').removesuffix(" ...") in whole, line


# -- the examples in the documents


def test_message_of_the_segment_guide_is_taken_once(instance: Path) -> None:
    (block,) = blocks(DOCS / "connect-segment.md", "json")
    assembly = Assembly.make(Settings(instance=instance), registry=REGISTRY)
    try:
        assembly.connections.save("segment", "acme-site", {})
        client = create_app(assembly).test_client()
        key = assembly.connections.reveal("acme-site")["write_key"]
        sent: dict[str, Any] = {"data": block.text, "content_type": "application/json", "auth": (key, "")}
        answers = [client.post("/v1/track", **sent) for _ in range(2)]
        assert [(answer.status_code, answer.get_json()) for answer in answers] == [
            (200, {"success": True})
        ] * 2
        assert len(assembly.history.events(limit=5)) == 1
    finally:
        assembly.close()


def test_recipes_in_the_documents_can_be_saved(instance: Path) -> None:
    assembly = Assembly.make(Settings(instance=instance), registry=REGISTRY)
    try:
        assembly.connections.save("pipedrive", "acme-pipedrive", {"domain": "acme", "api_token": "of-a-test"})
        secrets = {"account_id": "of-a-test", "passcode": "of-a-test"}
        assembly.connections.save("clevertap", "acme-clevertap", secrets)
        (whole, part) = (block.text for block in blocks(DOCS / "recipes.md", "yaml"))
        for text in (whole, f"{_without_conditions(whole)}\n{part}"):
            assembly.recipes.apply([("recipes.md", read_definition(text))])
    finally:
        assembly.close()


def _without_conditions(recipe: str) -> str:
    return re.sub(r"^only_if:\n(?:[ ].*\n)+", "", recipe, flags=re.MULTILINE)
