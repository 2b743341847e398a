"""A description read from YAML: everything that is wrong is told at once, with its path and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from automations.connectors.targets.parts import DescriptionPart
from automations.engine.registry import nearest
from automations.errors import RecipeError, RecipeProblems

LARGEST: Final = 64 * 1024


def read_description(text: str, *, file: str = "") -> DescriptionPart:
    """Return the description. Raises RecipeProblems."""
    return parse_description(_tree(text, file), file=file)


def parse_description(tree: Any, *, file: str = "") -> DescriptionPart:
    """Return the description in a tree. Raises RecipeProblems."""
    if not isinstance(tree, dict):
        raise _one("A description is a list of keys such as target, title, address, profile, event.", file)
    try:
        return DescriptionPart.model_validate(tree)
    except ValidationError as error:
        raise RecipeProblems([_problem(item, file) for item in error.errors()]) from error


def _tree(text: str, file: str) -> Any:
    if len(text) > LARGEST:
        raise _one(f"The text has {len(text):,} characters; a description has at most {LARGEST:,}.", file)
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with more rules
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it could not be read"
        raise _one(f"This is not YAML{where}: {what}.", file) from error
    except (RecursionError, ValueError) as error:
        raise _one("The text is nested too deeply, or holds a number that cannot be read.", file) from error


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice and anchors, which could make a small text huge; days stay text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*) is not taken here; write the part again",
                problem_mark=parent.start_mark if parent else None,
            )
        return super().compose_node(parent, index)


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            key = str(key_node.value)
        if key in found:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} stands twice; remove one", problem_mark=key_node.start_mark
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# Days stay the text they were written as, and `<<` is an ordinary key.
_StrictLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _one(message: str, file: str) -> RecipeProblems:
    return RecipeProblems([RecipeError(message, file=file)])


def _problem(item: Any, file: str) -> RecipeError:
    location = tuple(part for part in item["loc"] if not _is_branch(part))
    message = str(item["msg"]).removeprefix("Value error, ").rstrip(".") + "."
    if item["type"] == "extra_forbidden":
        name = str(location[-1])
        near = nearest(name, set(_names_at(location[:-1])))
        message = f"There is no key {name!r} here." + (f" Did you mean {near!r}?" if near else "")
    elif item["type"] == "string_pattern_mismatch":
        message = f"{item['input']!r} is no name: use small letters, digits and _, beginning with a letter."
    elif item["type"] == "missing":
        message = "This is required; add it."
    elif item["type"] == "literal_error":
        near = nearest(str(item["input"]), _wanted(item))
        message = f"{item['input']!r} is not taken here; it is one of {item['ctx']['expected']}."
        message += f" Did you mean {near!r}?" if near else ""
    return RecipeError(message, path=".".join(map(str, location)), file=file)


def _wanted(item: Any) -> list[str]:
    return [word.strip(" '") for word in str(item["ctx"]["expected"]).replace(" or ", ", ").split(",")]


def _is_branch(part: Any) -> bool:
    """Tell whether a step of pydantic's path names one side of a choice of types, or `[key]`, and no key."""
    return isinstance(part, str) and (part == "[key]" or "[" in part or part in ("str", "CheckPart"))


def _names_at(location: tuple[Any, ...]) -> Iterator[str]:
    part: Any = DescriptionPart
    for step in location:
        fields = part.model_fields if isinstance(part, type) and issubclass(part, BaseModel) else {}
        if step in fields:
            part = _inner(fields[step].annotation)
    if isinstance(part, type) and issubclass(part, BaseModel):
        yield from part.model_fields


def _inner(annotation: Any) -> Any:
    """Return the part that an annotation such as `dict[str, Part]` or `Part | None` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _inner(inner)
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return annotation
