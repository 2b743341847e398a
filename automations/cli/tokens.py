"""`automations token …`: programs that may call."""

from __future__ import annotations

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, remark, say
from automations.cli.users import ROLES
from automations.model.states import Role


@click.group()
def token() -> None:
    """Say which programs may call the API.

    \b
    Example:
      automations token add reporting --role viewer
    """


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the program may do.")
@json_option
def add(name: str, role: str, as_json: bool) -> None:
    """Make the token NAME and show its text, this once.

    \b
    Example:
      automations token add reporting --role viewer
    """
    with opened() as assembly:
        text = assembly.tokens.add(name, Role(role))
    if as_json:
        print_json({"name": name.strip(), "role": role, "token": text})
        return
    say(text)
    remark("Keep it now: it is not shown again. Programs send it as: Authorization: Bearer <token>")


@token.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List every token, without its text.

    \b
    Example:
      automations token list
    """
    with opened() as assembly:
        rows = [
            {"name": row.name, "role": str(row.role), "created_at": row.created_at, "used_at": row.used_at}
            for row in assembly.tokens.all()
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "role", "since", "last used (UTC)"),
        [tuple(row.values()) for row in rows],
        empty="There is no token. Make one: automations token add --help",
    )


@token.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the token NAME; programs that show it are refused from now on.

    \b
    Example:
      automations token remove reporting
    """
    with opened() as assembly:
        assembly.tokens.remove(name)
    say(f"The token {plain(name)} is removed.")
