"""Commands are found when they are used, and what goes wrong in one of them ends in words."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from automations.cli import PLACES, main
from automations.cli.lazy import LazyGroup, Place, Program, words_of
from automations.errors import RecipeError, RecipeProblems, SettingsError

OWN_HELP_S = 0.3


def commands(group: click.Group, path: str = "automations") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def program(**places: Place) -> Program:
    return Program(name="automations", places=places)


def test_every_command_can_be_loaded_and_has_help() -> None:
    found = dict(commands(main))
    assert {path.split()[1] for path in found} == set(PLACES)
    assert [path for path, command in found.items() if not command.help] == []


def test_every_command_of_a_family_shows_an_example_of_itself() -> None:
    families = ("connection", "recipe", "run", "subscription", "user", "doctor", "backup", "keys")
    for path, command in commands(main):
        if path.split()[1] in families:
            example = (command.help or "").partition("Example")[2]
            assert path in example, f"{path} has no example of itself"


def test_every_option_is_explained() -> None:
    silent = [
        f"{path} {parameter.name}"
        for path, command in commands(main)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


def test_help_needs_neither_database_nor_engine() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from automations.cli import main\n"
        "for words in ([], ['recipe'], ['connection'], ['run'], ['keys']):\n"
        "    assert CliRunner().invoke(main, [*words, '--help']).exit_code == 0\n"
        "print(*sorted({'sqlalchemy', 'pydantic', 'requests', 'rich', 'flask'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_help_is_there_at_once() -> None:
    taken_s = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        script = "from automations.cli import main; main()"
        subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken_s) < OWN_HELP_S


def test_missing_module_breaks_only_its_own_command() -> None:
    group = program(
        gone=Place("automations.cli.gone", "gone", "It is gone."),
        keys=Place("automations.cli.upkeep", "keys", "Keys."),
    )
    assert CliRunner().invoke(group, ["--help"]).exit_code == 0
    assert CliRunner().invoke(group, ["keys", "--help"]).exit_code == 0
    result = CliRunner().invoke(group, ["gone"])
    assert result.exit_code == 1
    assert "The command 'gone' cannot be loaded" in result.stderr


def test_wrong_word_exits_with_2_and_names_the_nearest() -> None:
    result = CliRunner().invoke(main, ["recipes"])
    assert result.exit_code == 2
    assert "There is no command 'recipes'. Did you mean 'recipe'?" in result.stderr
    assert "There are: connection, " not in result.stderr
    assert CliRunner().invoke(main, ["run", "shw"]).exit_code == 2


def raising(error: Exception) -> click.Group:
    """Return a program whose one command, `fail`, raises the error."""

    @click.command()
    def fail() -> None:
        raise error

    class Direct(Program):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return fail

    return Direct(name="automations", places={"fail": Place("", "", "It fails.")})


def test_error_of_the_tree_becomes_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOMATIONS_DEBUG", raising=False)
    result = CliRunner().invoke(raising(SettingsError("The key is missing. Restore it.")), ["fail"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: The key is missing. Restore it.\n"


def test_error_of_the_machine_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOMATIONS_DEBUG", raising=False)
    result = CliRunner().invoke(raising(PermissionError(13, "Permission denied", "/backups/a.db")), ["fail"])
    assert result.exit_code == 1
    assert "/backups/a.db: Permission denied" in result.stderr


def test_bug_shows_no_traceback_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATIONS_DEBUG", "0")
    result = CliRunner().invoke(raising(KeyError("secret text")), ["fail"])
    assert result.exit_code == 1
    assert "KeyError" in result.stderr
    assert "secret text" not in result.stderr
    monkeypatch.setenv("AUTOMATIONS_DEBUG", "1")
    result = CliRunner().invoke(raising(KeyError("secret text")), ["fail"])
    assert isinstance(result.exception, KeyError)


def test_several_problems_stand_on_lines_of_their_own() -> None:
    one = RecipeError("No such field.", path="steps[0].fields.nam", file="a.yaml")
    other = RecipeError("Two recipes have this name.")
    assert words_of(RecipeProblems([one])) == "a.yaml: steps[0].fields.nam: No such field."
    assert words_of(RecipeProblems([one, other])).splitlines() == [
        "the recipe has problems:",
        "  a.yaml: steps[0].fields.nam: No such field.",
        "  Two recipes have this name.",
    ]


def test_group_lists_its_commands_in_their_own_order() -> None:
    group = LazyGroup(name="g", places={"b": Place("m", "b", "B."), "a": Place("m", "a", "A.")})
    assert group.list_commands(click.Context(group)) == ["b", "a"]
