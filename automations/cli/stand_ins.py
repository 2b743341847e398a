"""Connections that stand in for those a recipe names and nobody has made yet.

A recipe can so be tested on a fresh machine. They live in an installation of their own in a temporary folder, and
nothing ever leaves through them: they are for offline tests only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

from automations.errors import AutomationError, NotFoundError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from automations.assembly import Assembly
    from automations.engine.contracts import ConnectionKind
    from automations.engine.definition import Definition
    from automations.engine.registry import Registry

_TEXT = "stand-in"
_ADDRESS = "https://stand-in.example"


@contextmanager
def connected(
    assembly: Assembly, definition: Definition, *, offline: bool
) -> Iterator[tuple[Assembly, list[str]]]:
    """Yield where the definition can be compiled and tested, and the names of connections that stand in.

    That is the installation itself when it has every connection, else one with stand-ins.
    Raises NotFoundError when something is to leave the machine and a connection is missing.
    """
    wanted = _wanted(definition, assembly.registry)
    missing = sorted(wanted.keys() - {row.name for row in assembly.connections.all()})
    if not missing:
        yield assembly, []
        return
    if not offline:
        raise NotFoundError(
            f"There is no connection named {missing[0]!r}. Make it with `automations connection add "
            f"{wanted[missing[0]]} {missing[0]}`, or test with --mode offline."
        )
    with TemporaryDirectory(prefix="automations-test-") as folder:
        apart = _installation_in(Path(folder), assembly)
        try:
            for name, kind in wanted.items():
                apart.connections.save(kind, name, placeholder_settings(assembly.registry.kinds[kind], name))
            yield apart, missing
        finally:
            apart.close()


def _installation_in(folder: Path, like: Assembly) -> Assembly:
    from automations.assembly import Assembly
    from automations.settings import Settings

    # Each is named here, so that the environment's own database is never the one.
    settings = Settings(instance=folder, database_url="", queue_url="", secret_keys=None)
    return Assembly.make(settings, clock=like.clock, registry=like.registry)


def _wanted(definition: Definition, registry: Registry) -> dict[str, str]:
    """Return the kind of each connection that the definition names; unknown triggers and actions name none."""
    found: dict[str, str] = {}
    trigger = registry.triggers.get(definition.trigger.key)
    if trigger is not None and definition.trigger.connection:
        found[definition.trigger.connection] = trigger.connection.kind
    for step in definition.steps:
        action = registry.actions.get(step.action)
        if action is not None and action.connection is not None and step.connection:
            found.setdefault(step.connection, action.connection.kind)
    return found


def placeholder_settings(kind: ConnectionKind, connection: str = "") -> dict[str, Any]:
    """Return settings that the kind takes and that lead nowhere: its required and secret fields, one of each choice.

    connection: the name of the one that is missing, which may tell what it is for.
    """
    from automations.engine.connections import parse_settings

    told = dict(kind.stand_in(connection))
    table = kind.settings_table(told)
    given: dict[str, Any] = {}
    chosen: set[str] = set()
    for name, info in table.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        group = str(extra.get("one_of") or "")
        if info.is_required() or name in table.secret_names() or (group and group not in chosen):
            given[name] = _placeholder(name, info, table.secret_names())
        chosen.add(group)
    given |= told
    settings = parse_settings(kind, given)
    if "base_url" in table.model_fields and (told or not kind.hosts(settings)):
        given["base_url"] = _ADDRESS
    return given


def _placeholder(name: str, info: FieldInfo, secrets: frozenset[str]) -> Any:
    if info.annotation is int:
        return 1
    if name.endswith("url"):
        return _ADDRESS
    if name in secrets:
        # Unlike any other placeholder, which would be masked with it.
        return f"placeholder-{name}"
    options = [option for option in get_args(info.annotation) if isinstance(option, str)]
    return options[0] if options else _TEXT


def complaint(error: AutomationError) -> list[str]:
    """Return the sentences of an error, one each for several problems, with their places."""
    problems = getattr(error, "problems", None) or [error]
    return [": ".join(filter(None, (getattr(one, "path", ""), one.message))) for one in problems]
