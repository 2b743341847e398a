"""`automations connection …`: accounts of other products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say, warn
from automations.errors import AutomationError, InputError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.connection import Connection


@click.group()
def connection() -> None:
    """Connect accounts, try them, remove them.

    \b
    Example:
      automations connection add clevertap acme-clevertap \\
          --set account_id=ABC-123 --set passcode=env:CLEVERTAP_PASSCODE --set region=eu
    """


@connection.command()
@click.argument("kind")
@click.argument("name")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="One setting; give it often.")
@json_option
def add(kind: str, name: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Make the connection NAME of a KIND, or change the one there is.

    KIND is pipedrive, clevertap, segment, http, webhook or target, as far as installed; `automations target list`
    names the services of the kind target. What you do not set stays as it is; an empty value removes a setting. The
    value env:VARIABLE is read from the environment at use and never stored; the value - asks for it without showing it.

    \b
    Example:
      automations connection add pipedrive acme-pipedrive \\
          --set domain=acme --set api_token=-
    """
    given = {key: _asked(key) if value == "-" else value for key, value in map(_parted, assignments)}
    with opened() as assembly:
        try:
            row = assembly.connections.save(kind, name, given, may_refer=True)
        except InputError as error:
            raise click.UsageError(error.message) from error
        document = _document(assembly, row, reveal=False)
    if as_json:
        print_json(document)
        return
    say(f"Saved the {kind} connection {plain(name)}.")
    if document.get("hook_url"):
        say(f"It receives at {document['hook_url']}")
    remark(f"Try it: automations connection test {name!r}")


def _parted(assignment: str) -> tuple[str, str]:
    key, equals, value = assignment.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--set {assignment!r} is no setting. Write it as KEY=VALUE.")
    return key.strip(), value


def _asked(key: str) -> str:
    return str(click.prompt(key, hide_input=True, err=True))


@connection.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every connection and how it is.

    \b
    Example:
      automations connection list
    """
    with opened() as assembly:
        rows = [
            {
                "name": row.name,
                "kind": row.kind,
                "state": str(row.state),
                "reason": row.state_reason,
                "tested_at": row.tested_at,
                "hook_url": assembly.subscriptions.address(row) or None,
            }
            for row in assembly.connections.all()
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "kind", "state", "tested (UTC)", "why"),
        [(r["name"], r["kind"], r["state"], r["tested_at"] or "never", r["reason"]) for r in rows],
        empty="There is no connection yet. Make one: automations connection add --help",
    )


@connection.command()
@click.argument("name")
@click.option("--reveal", is_flag=True, help="Show secrets in clear.")
@json_option
def show(name: str, reveal: bool, as_json: bool) -> None:
    """Show the settings of the connection NAME and where it receives.

    Secrets show their last characters at most; --reveal shows them whole.

    \b
    Example:
      automations connection show acme-pipedrive --json --reveal
    """
    with opened() as assembly:
        document = _document(assembly, assembly.connections.get(name), reveal=reveal)
    if as_json:
        print_json(document)
        return
    settings = document.pop("settings")
    pairs = {**document, **{f"settings.{key}": value for key, value in settings.items()}}
    print_table(("what", "value"), pairs.items())


def _document(assembly: Assembly, row: Connection, *, reveal: bool) -> dict[str, Any]:
    """Return the contract's form: name, kind, settings, and the inbound address and credentials it has."""
    from automations.engine.connection_settings import known_table

    kind = assembly.registry.kinds.get(row.kind)
    values = assembly.connections.reveal(row.name) if reveal else assembly.connections.shown(row)
    own = known_table(kind, row.settings).model_fields if kind else values
    document: dict[str, Any] = {
        "name": row.name,
        "kind": row.kind,
        "settings": {key: value for key, value in values.items() if key in own},
    }
    address = assembly.subscriptions.address(row)
    if address:
        document["hook_url"] = address
    if kind is not None and kind.hook_needs_basic:
        document |= {key: values.get(key, "") for key in ("hook_user", "hook_password")}
    if "write_key" in values and "write_key" not in own:
        document["write_key"] = values["write_key"]
    return document


@connection.command()
@click.argument("name")
@json_option
def test(name: str, as_json: bool) -> None:
    """Try the account of the connection NAME with one harmless call.

    \b
    Example:
      automations connection test acme-clevertap
    """
    with opened() as assembly:
        try:
            report = assembly.connections.test(name)
        except AutomationError as error:
            if as_json and error.kind != "not_found":
                print_json({"name": name, "ok": False, "summary": error.message, "facts": {}})
                raise click.exceptions.Exit(1) from error
            raise
    if as_json:
        print_json({"name": name, "ok": True, "summary": report.summary, "facts": dict(report.facts)})
        return
    say(plain(report.summary))
    if report.facts:
        print_table(("what", "value"), report.facts.items())


@connection.command()
@click.argument("old")
@click.argument("new")
@json_option
def rename(old: str, new: str, as_json: bool) -> None:
    """Give the connection OLD the name NEW; the recipes that use it follow.

    Its inbound address, its keys and its history stay as they are. Recipe files of your own need the new name.

    \b
    Example:
      automations connection rename pipedrive acme-pipedrive
    """
    with opened() as assembly:
        row = assembly.connections.rename(old, new)
        document = _document(assembly, row, reveal=False)
    if as_json:
        print_json(document)
        return
    say(f"{plain(old)} is now {plain(new)}.")


@connection.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete the connection NAME, its credentials and its webhooks in the other product.

    A connection that a recipe uses, or that has runs in the history, stays.

    \b
    Example:
      automations connection remove old-pipedrive
    """
    with opened() as assembly:
        assembly.connections.get(name)
        # While the credentials are there: without them, the webhooks could not be taken back.
        for report in assembly.subscriptions.sync(name):
            if report.problem:
                warn(f"Its webhooks in the other product may remain: {report.problem}")
        assembly.connections.remove(name)
    say(f"Removed {plain(name)}.")
