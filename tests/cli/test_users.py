"""`automations user …`."""

from __future__ import annotations

from tests.cli.conftest import Cli

PASSWORD = "a long enough password"


def test_person_is_made_with_a_password_that_is_not_shown(cli: Cli) -> None:
    result = cli.ok("user", "add", "Ana@Example.com", "--role", "admin", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert "ana@example.com may sign in as admin" in result.stdout
    assert PASSWORD not in result.output
    with cli.house() as assembly:
        assert assembly.people.check("ana@example.com", PASSWORD) is not None


def test_password_comes_from_standard_input_in_a_script(cli: Cli) -> None:
    cli.ok("user", "add", "ana@example.com", "--role", "viewer", "--password-stdin", input=f"{PASSWORD}\r\n")
    with cli.house() as assembly:
        assert assembly.people.check("ana@example.com", PASSWORD) is not None
    (row,) = cli.json("user", "list")
    assert (row["email"], row["role"]) == ("ana@example.com", "viewer")
    assert "ana@example.com" in cli.ok("user", "list").stdout


def test_unusable_address_password_or_role_is_refused(cli: Cli) -> None:
    words = ("user", "add", "ana@example.com", "--role", "admin", "--password-stdin")
    short = cli(*words, input="short\n")
    assert short.exit_code == 1
    assert "12" in short.stderr
    assert cli("user", "add", "ana", "--role", "admin", "--password-stdin", input=PASSWORD).exit_code == 1
    assert cli("user", "add", "ana@example.com", "--role", "king", "--password-stdin").exit_code == 2
    assert cli.json("user", "list") == []
