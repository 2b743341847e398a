"""`automations recipe backtest`: what a draft would have made of the events that are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, say
from automations.errors import AutomationError, InputError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.compiled import CompiledRecipe
    from automations.engine.contracts import Occurrence
    from automations.model.history import Event

KINDS = ("same", "changed", "newly_sent", "no_longer_sent", "now_fails")
_EXAMPLES = 20
_PAGE = 200


@click.command()
@click.argument("name", metavar="NAME-or-FILE")
@click.option(
    "--last", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="So many events."
)
@json_option
def backtest(name: str, last: int, as_json: bool) -> None:
    """Compare a recipe's draft, or a file, with what is published, over the newest stored events.

    Both walk every event as an offline test does, so nothing leaves. Records that were looked up in the events' real
    runs are used again. Shown is how many would go the same way, send something else, be newly sent, be sent no
    longer, or fail now, with examples.

    \b
    Example:
      automations recipe backtest "Deal won" --last 500
    """
    from automations.cli.recipe_files import definition_called
    from automations.engine.definition import parse_definition

    with opened() as assembly:
        definition, file = definition_called(assembly, name)
        view = assembly.recipes.get(definition.name)
        if view.published is None:
            raise InputError(f"{definition.name!r} was never published, so there is nothing to compare with.")
        old = assembly.recipes.compile(
            parse_definition({**view.published.definition, "name": view.recipe.name})
        )
        new = assembly.recipes.compile(definition, file=file)
        document = _compared(assembly, old, new, last, quiet=as_json)
    if as_json:
        print_json(document)
        return
    counted = ", ".join(f"{document[kind]} {kind.replace('_', ' ')}" for kind in KINDS)
    say(f"{document['events']} events: {counted}.")
    if document["examples"]:
        print_table(
            ("event", "record", "what", "why"),
            [
                (e["event_id"], e["record"], e["kind"].replace("_", " "), e["why"])
                for e in document["examples"]
            ],
        )


def _compared(
    assembly: Assembly, old: CompiledRecipe, new: CompiledRecipe, last: int, *, quiet: bool
) -> dict[str, Any]:
    from automations.cli.recipe_files import stored_event

    document: dict[str, Any] = {"events": 0, **dict.fromkeys(KINDS, 0), "examples": []}
    connection_ids = {old.connection.id, new.connection.id}
    with _progress(last, quiet=quiet) as advance:
        for event in _newest(assembly, connection_ids, last):
            advance()
            try:
                occurrence = stored_event(assembly, event.id or 0)
            except (AutomationError, ValueError, KeyError, TypeError):
                # What could not be read then cannot be now, by either version.
                continue
            before = _result(assembly, old, event, occurrence)
            after = _result(assembly, new, event, occurrence)
            kind, why = _judged(before, after)
            document["events"] += 1
            document[kind] += 1
            if kind != "same" and len(document["examples"]) < _EXAMPLES:
                document["examples"].append(
                    {
                        "event_id": event.id,
                        "record": plain(event.label or event.record_key),
                        "kind": kind,
                        "why": why,
                    }
                )
    return document


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Any]:
    """Yield a function to call once an event; a bar on standard error where it is a terminal."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=total, label="Events", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _newest(assembly: Assembly, connection_ids: set[int], last: int) -> Iterator[Event]:
    """Yield the newest events of the connections, newest first, a page at a time."""
    from sqlmodel import col, select

    from automations.model.history import Event

    before: int | None = None
    left = last
    while left:
        query = select(Event).where(col(Event.connection_id).in_(connection_ids))
        if before is not None:
            query = query.where(col(Event.id) < before)
        with assembly.database.read() as session:
            page = session.exec(query.order_by(col(Event.id).desc()).limit(min(left, _PAGE))).all()
        if not page:
            return
        yield from page
        left -= len(page)
        before = page[-1].id


def _result(
    assembly: Assembly, recipe: CompiledRecipe, event: Event, occurrence: Occurrence
) -> Mapping[str, Any]:
    """Return the test-run's answer; `filtered` where the event came from another connection."""
    if event.connection_id != recipe.connection.id:
        return {"outcome": "filtered", "why": ["it listens to another connection"], "steps": []}
    return assembly.test_runs.run(recipe, occurrence)


def _judged(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind of difference, and why in a few words."""
    why = next(iter(after["why"]), "")
    if after["outcome"] == "error" and before["outcome"] != "error":
        failed = next((step["error"]["message"] for step in after["steps"] if step["error"]), why)
        return "now_fails", failed
    sent_before, sent_after = before["outcome"] != "filtered", after["outcome"] != "filtered"
    if sent_before != sent_after:
        return ("newly_sent", why) if sent_after else ("no_longer_sent", why)
    old, new = _sent(before), _sent(after)
    if old == new:
        return "same", ""
    names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]
    return "changed", f"in {', '.join(names)}"


def _sent(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each step would send, by its name; the items of a loop in order."""
    sent: dict[str, Any] = {}
    for step in answer["steps"]:
        sent.setdefault(step["name"], []).append((step["action"], step["status"], step["fields"]))
    return sent
