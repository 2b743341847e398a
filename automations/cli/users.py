"""`automations user …`: people who may sign in."""

from __future__ import annotations

import sys

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, print_table, say
from automations.model.states import Role

ROLES = tuple(str(role) for role in reversed(Role))


@click.group()
def user() -> None:
    """Say who may sign in.

    \b
    Example:
      automations user add ana@example.com --role admin
    """


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the person may do.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)
def add(email: str, role: str, password_stdin: bool) -> None:
    """Make the person EMAIL, or give an existing one a new password and role.

    The password is asked for without showing it; it has at least 12 characters. A change ends the person's sessions.

    \b
    Example:
      automations user add ana@example.com --role editor
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with opened() as assembly:
        person = assembly.people.add(email, password, Role(role))
    say(f"{plain(person.email)} may sign in as {role}.")


@user.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List everybody who may sign in.

    \b
    Example:
      automations user list
    """
    with opened() as assembly:
        rows = [
            {"email": person.email, "role": str(person.role), "created_at": person.created_at}
            for person in assembly.people.all()
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("e-mail", "role", "since"),
        [tuple(row.values()) for row in rows],
        empty="Nobody may sign in yet. Add someone: automations user add --help",
    )
