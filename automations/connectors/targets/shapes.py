"""Trees of a description with templates in them, compiled once and filled often."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from automations.engine.registry import nearest
from automations.engine.templating import MISSING, Template, TemplateProblem, check, compile_value
from automations.errors import RecipeError

SPREAD: Final = "<<"  #: a key whose value, an object, is laid into the object that the key stands in

Fill = Callable[[Mapping[str, Any]], Any]


class Shape:
    """A tree ready to be filled. What is missing is left out, and with it every object that it leaves empty.

    names: the top-level names it reads.
    """

    def __init__(self, tree: Any) -> None:
        self.names: set[str] = set()
        self._fill = self._compiled(tree)

    def fill(self, context: Mapping[str, Any]) -> Any:
        """Return the value, or MISSING where nothing is left of it. Raises MappingError."""
        return self._fill(context)

    def _compiled(self, tree: Any) -> Fill:
        if isinstance(tree, dict):
            return _object({key: self._compiled(value) for key, value in tree.items()})
        if isinstance(tree, list):
            return _list([self._compiled(value) for value in tree])
        return self._leaf(tree)

    def _leaf(self, source: Any) -> Fill:
        template = compile_value(source) if isinstance(source, str) else None
        if template is None or template.is_constant:
            return lambda _: source
        self.names |= template.names
        path = template.plain_path
        if path is not None and len(path) == 1:
            # A whole part that was made here already is not looked through again.
            name = str(path[0])
            return lambda context: _present(context.get(name))
        render = template.render
        return lambda context: _present(render(context))


def _present(value: Any) -> Any:
    """Return what was found; nothing and null are both missing."""
    return MISSING if value is None else value


def _object(parts: Mapping[str, Fill]) -> Fill:
    def fill(context: Mapping[str, Any]) -> Any:
        found: dict[str, Any] = {}
        for key, part in parts.items():
            value = part(context)
            if key == SPREAD:
                found |= value if isinstance(value, dict) else {}
            elif value is not MISSING:
                found[key] = value
        return found if found or not parts else MISSING

    return fill


def _list(parts: list[Fill]) -> Fill:
    def fill(context: Mapping[str, Any]) -> Any:
        found = [value for value in (part(context) for part in parts) if value is not MISSING]
        return found if found or not parts else MISSING

    return fill


def shape_problems(
    tree: Any, path: str, known: Collection[str], settings: Collection[str], file: str
) -> Iterator[RecipeError]:
    """Yield what is wrong with the templates of a tree: each with its path and the nearest right name.

    known: the names there are. settings: what may follow `settings.`.
    """
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from shape_problems(value, f"{path}.{key}", known, settings, file)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from shape_problems(value, f"{path}.{number}", known, settings, file)
    elif isinstance(tree, str):
        found = check(tree, known_names=known)
        for problem in found:
            yield RecipeError(_unknown(problem, known), path=path, file=file)
        for name in sorted(_settings_read(compile_value(tree)) - set(settings)) if not found else ():
            near = nearest(name, settings)
            hint = f" Did you mean {near!r}?" if near else " Add it under settings."
            yield RecipeError(f"There is no setting {name!r}.{hint}", path=path, file=file)


def _unknown(problem: TemplateProblem, known: Collection[str]) -> str:
    if not problem.message.startswith(f"{problem.construct!r} is not known"):
        return problem.message
    near = nearest(problem.construct, known)
    hint = f" Did you mean {near!r}?" if near else f" There are: {', '.join(sorted(known))}."
    return f"There is no {problem.construct!r} here.{hint}"


def _settings_read(template: Template) -> set[str]:
    return {path[1] for path in template.paths if path[0] == "settings" and len(path) > 1}


def at(value: Any, keys: tuple[str, ...]) -> Any:
    """Return what stands at these keys inside a JSON value; None where nothing does. Numbers index lists."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def put_at(body: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Put a value at these keys, making the objects on the way. keys: at least one."""
    for key in keys[:-1]:
        body = body.setdefault(key, {})
    body[keys[-1]] = value


def keys_of(keys: str | list[str]) -> tuple[str, ...]:
    """Return keys written with dots, or one by one, as a tuple; empty for an empty text."""
    if isinstance(keys, list):
        return tuple(keys)
    return tuple(keys.split(".")) if keys else ()
