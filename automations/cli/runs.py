"""`automations run …`: what ran, what came of it, and what waits for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.model.states import RunStatus

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.chains import Chain
    from automations.engine.history import DeliveryDetail

_RECORD = re.compile(r"[a-z_]+:\S+\Z")
_IDS_A_QUERY = 500


@click.group()
def run() -> None:
    """Look at what ran, and at what waits for you.

    \b
    Example:
      automations run list --status parked
    """


@run.command("list")
@click.option("--recipe", metavar="NAME", help="Only runs of this recipe.")
@click.option("--status", type=click.Choice([str(status) for status in RunStatus]), help="Only this status.")
@click.option("--record", metavar="ENTITY:ID", help="Only runs of this record, such as deal:5120.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@json_option
def list_(recipe: str | None, status: str | None, record: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first.

    \b
    Example:
      automations run list --recipe "New deal → CleverTap profile" --limit 10
    """
    if record is not None and not _RECORD.match(record):
        raise click.BadParameter(f"{record!r} is no record. Write it as deal:5120.", param_hint="--record")
    from automations.engine.history_json import run_as_json

    with opened() as assembly:
        lines = assembly.history.runs(recipe=recipe, status=status, record=record, limit=limit)
        if as_json:
            steps = _steps_of(assembly, [line.run.id or 0 for line in lines])
            print_json([run_as_json(line, steps.get(line.run.id or 0, ())) for line in lines])
            return
    print_table(
        ("run", "at (UTC)", "recipe", "record", "status", "why"),
        [
            (
                line.run.id,
                line.run.created_at,
                line.recipe,
                line.run.label or line.run.record_key,
                str(line.run.status),
                line.run.reason,
            )
            for line in lines
        ],
        empty=_none(is_narrowed=any((recipe, status, record))),
    )


def _none(*, is_narrowed: bool) -> str:
    if is_narrowed:
        return "No run is like that. `automations run list` shows all of them."
    return "Nothing has run yet. A run begins when something happens that a recipe which is on waits for."


def _steps_of(assembly: Assembly, run_ids: Sequence[int]) -> dict[int, list[DeliveryDetail]]:
    """Return the deliveries of many runs, in their order and without their attempts."""
    from sqlmodel import col, select

    from automations.engine.history import DeliveryDetail
    from automations.model.history import Delivery

    found: dict[int, list[DeliveryDetail]] = {}
    with assembly.database.read() as session:
        for start in range(0, len(run_ids), _IDS_A_QUERY):
            rows = session.exec(
                select(Delivery)
                .where(col(Delivery.run_id).in_(run_ids[start : start + _IDS_A_QUERY]))
                .order_by(col(Delivery.run_id), col(Delivery.step_index), col(Delivery.item_index))
            )
            for row in rows:
                found.setdefault(row.run_id, []).append(DeliveryDetail(row, [], ""))
    return found


@run.command()
@click.argument("run_id", metavar="ID", type=int)
@json_option
def show(run_id: int, as_json: bool) -> None:
    """Show one run with every step, attempt, request and reply; secrets are masked.

    \b
    Example:
      automations run show 5120
    """
    from automations.engine.history_json import detail_as_json

    with opened() as assembly:
        detail = assembly.history.run(run_id)
        document = detail_as_json(detail) | {"chain": _chain(assembly.chains.of(detail.run))}
    if as_json:
        print_json(document)
        return
    facts = ("recipe", "version", "event_id", "record", "status", "reason", "started_at", "finished_at")
    print_table(("what", "value"), [(name, document[name]) for name in facts])
    print_table(
        ("step", "action", "status", "attempts", "why"),
        [[step[n] for n in ("name", "action", "status", "attempts", "reason")] for step in document["steps"]],
        empty="No step has begun.",
    )
    for link in document["chain"]["before"]:
        say(f"Led here: run {link['run_id']} of {plain(link['recipe'])}, {link['status']}")
    for link in document["chain"]["after"]:
        say(f"Started by it: run {link['run_id']} of {plain(link['recipe'])}, {link['status']}")
    for step in document["steps"]:
        for attempt in step["tries"]:
            _tell_attempt(step["name"], attempt)


def _chain(chain: Chain) -> dict[str, Any]:
    """Return the runs that led to this one and those that it started, as JSON."""
    from dataclasses import asdict

    before, after = ([asdict(link) for link in links] for links in (chain.before, chain.after))
    return {"depth": chain.depth, "before": before, "after": after}


def _tell_attempt(step: str, attempt: dict[str, Any]) -> None:
    say(
        f"\n{step}, attempt {attempt['number']} at {attempt['started_at']}: {attempt['outcome']} "
        f"in {attempt['duration_ms']} ms. {plain(attempt['message'])}".rstrip()
    )
    for exchange in attempt["exchanges"]:
        status = exchange.get("status")
        say(f"  {exchange.get('method', '')} {plain(exchange.get('url', ''))} → {status or 'no answer'}")
        for title, name in (("sent", "body"), ("got", "reply")):
            if exchange.get(name) not in (None, ""):
                say(f"    {title}: {plain(_compact(exchange[name]))}")


def _compact(value: Any) -> str:
    import orjson

    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


@run.command()
@click.argument("run_id", metavar="ID", type=int)
def retry(run_id: int) -> None:
    """Let a parked or waiting run go on now. What was delivered stays delivered; the rest is sent again.

    \b
    Example:
      automations run retry 5120
    """
    with opened() as assembly:
        assembly.manual.try_now(run_id)
    say(f"Run {run_id} goes on.")
    remark(f"See what came of it: automations run show {run_id}")


@run.command()
@click.argument("run_id", metavar="ID", type=int)
@click.option("--why", default="", metavar="TEXT", help="A reason, kept in the history.")
def cancel(run_id: int, why: str) -> None:
    """End a run that is queued, waiting or parked. What it did stays done.

    \b
    Example:
      automations run cancel 5120 --why "entered by mistake"
    """
    with opened() as assembly:
        assembly.manual.cancel(run_id, why)
    say(f"Run {run_id} is cancelled.")
