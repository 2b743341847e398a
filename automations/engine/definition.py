"""The recipe file: read, checked, written. YAML and JSON are the same tree.

Shape errors are found here; whether triggers, actions, connections and fields exist is checked by `checking`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from automations.engine.plain_tree import path_text as path_text
from automations.engine.plain_tree import refuse_what_is_not_json
from automations.engine.registry import nearest
from automations.errors import RecipeError, RecipeProblems

NAME_MAX = 200
STEPS_MAX = 50
FOR_EACH_MAX = 10_000
_STEP_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
_WAIT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*$")
WAIT_MAX_S = 366 * 86_400
_WAIT_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class TriggerPart(_Part):
    """key, connection: by name. fields: optional narrowing. own_changes: what we wrote starts nothing, or does."""

    key: str
    connection: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)
    own_changes: Literal["ignore", "allow"] = "ignore"


class StepPart(_Part):
    """One step; `fields` holds templates or constants, `missing` the policies by field path."""

    name: str
    action: str
    connection: str = ""
    fields: dict[str, Any] = Field(default_factory=dict)
    missing: dict[str, Any] = Field(default_factory=dict)
    only_if: Any = None
    for_each: str | None = None
    wait: str | None = None
    on_error: Literal["stop", "continue"] = "stop"

    @field_validator("name")
    @classmethod
    def _name_reads_in_templates(cls, value: str) -> str:
        if not _STEP_NAME.match(value):
            raise ValueError(
                f"{value!r} cannot be used as steps.<name>: use letters, digits and underscores, a letter first"
            )
        return value

    @field_validator("wait")
    @classmethod
    def _wait_parses(cls, value: str | None) -> str | None:
        if value is not None and not _WAIT.match(value):
            raise ValueError(f"{value!r} is not a time: write a number and s, m, h, d or w, such as 10m")
        if value is not None and _seconds(value) > WAIT_MAX_S:
            raise ValueError(f"{value[:40]!r} is too long: 366d is the longest wait")
        return value

    @field_validator("missing")
    @classmethod
    def _policies_are_known(cls, value: dict[str, Any]) -> dict[str, Any]:
        for path, policy in value.items():
            plain = isinstance(policy, str) and policy in ("fail", "skip", "null")
            if not plain and not (isinstance(policy, dict) and set(policy) == {"default"}):
                raise ValueError(f"{path}: {policy!r} is no policy; use fail, skip, null or {{default: …}}")
        return value

    @property
    def wait_s(self) -> float:
        """Seconds to wait before this step; 0 for none."""
        return _seconds(self.wait) if self.wait else 0.0


def _seconds(wait: str) -> float:
    match = _WAIT.match(wait)
    assert match is not None
    return float(match[1]) * _WAIT_UNIT_S[match[2]]


class SamplePart(_Part):
    """record: what templates read as `record`; previous: old values of what changed; related: looked-up parts."""

    name: str
    record: dict[str, Any]
    previous: dict[str, Any] | None = None
    related: dict[str, Any] = Field(default_factory=dict)


class TestPart(_Part):
    """expect: `outcome` and, where given, `requests`: each a part that the real request must contain."""

    sample: str
    expect: dict[str, Any]


class Definition(_Part):
    """A whole recipe as its author wrote it."""

    name: str = Field(min_length=1, max_length=NAME_MAX)
    description: str = Field(default="", max_length=2_000)
    enabled: bool = True
    trigger: TriggerPart
    only_if: Any = None
    order: Literal["per_record", "none"] = "per_record"
    steps: list[StepPart] = Field(default_factory=list, max_length=STEPS_MAX)
    samples: list[SamplePart] = Field(default_factory=list)
    tests: list[TestPart] = Field(default_factory=list)

    @field_validator("name")
    @classmethod
    def _name_is_printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("a name is printable and has no blanks around it")
        return value

    @field_validator("steps")
    @classmethod
    def _step_names_differ(cls, steps: list[StepPart]) -> list[StepPart]:
        seen: set[str] = set()
        for step in steps:
            if step.name in seen:
                raise ValueError(f"two steps are named {step.name!r}; give one another name")
            seen.add(step.name)
        return steps

    def as_tree(self) -> dict[str, Any]:
        """Return the plain tree in the file's order of keys, without what says nothing."""
        tree: dict[str, Any] = {"name": self.name}
        if self.description:
            tree["description"] = self.description
        tree["enabled"] = self.enabled
        tree["trigger"] = _trigger_tree(self.trigger)
        if self.only_if is not None:
            tree["only_if"] = self.only_if
        tree["order"] = self.order
        tree["steps"] = [_step_tree(step) for step in self.steps]
        tree["samples"] = [_sample_tree(sample) for sample in self.samples]
        tree["tests"] = [test.model_dump() for test in self.tests]
        return tree


def _without_empty(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if value not in ({}, "", None)}


def _sample_tree(sample: SamplePart) -> dict[str, Any]:
    # An empty `previous` says that something was there before; none says that all is new.
    previous = {"previous": sample.previous} if sample.previous is not None else {}
    related = {"related": sample.related} if sample.related else {}
    return {"name": sample.name, "record": sample.record, **previous, **related}


def _trigger_tree(trigger: TriggerPart) -> dict[str, Any]:
    tree = _without_empty(trigger.model_dump())
    if tree["own_changes"] == "ignore":
        del tree["own_changes"]
    return tree


def _step_tree(step: StepPart) -> dict[str, Any]:
    tree = _without_empty(step.model_dump())
    if tree.get("on_error") == "stop":
        del tree["on_error"]
    tree.setdefault("fields", {})
    return tree


def parse_definition(tree: Any, *, file: str = "") -> Definition:
    """Return the definition in `tree`. Raises RecipeProblems naming file, path and the nearest right name."""
    if not isinstance(tree, Mapping):
        raise RecipeProblems(
            [RecipeError("A recipe is a list of keys such as name, trigger, steps.", file=file)]
        )
    try:
        refuse_what_is_not_json(tree)
    except RecipeError as error:
        raise RecipeProblems([RecipeError(error.message, path=error.path, file=file)]) from error
    try:
        return Definition.model_validate(dict(tree))
    except ValidationError as error:
        raise RecipeProblems([_problem(item, file) for item in error.errors()]) from error


def _problem(item: Any, file: str) -> RecipeError:
    path = path_text(item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        near = nearest(str(item["loc"][-1]), _names_at(item["loc"]))
        message = f"There is no key {str(item['loc'][-1])!r} here." + (
            f" Did you mean {near!r}?" if near else ""
        )
    elif item["type"] == "missing":
        message = "This is required; add it."
    return RecipeError(message, path=path, file=file)


def _names_at(location: tuple[Any, ...]) -> list[str]:
    part: Any = Definition
    head = location[0] if len(location) > 1 else None
    if isinstance(head, str):
        part = {"trigger": TriggerPart, "steps": StepPart, "samples": SamplePart, "tests": TestPart}.get(
            head, part
        )
    return list(part.model_fields)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice, where YAML would keep the last in silence."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, list | dict | set):
            raise RecipeError(
                f"A key must be one text (line {key_node.start_mark.line + 1}); this one is not."
            )
        if key in seen:
            raise RecipeError(
                f"The key {key!r} stands twice (line {key_node.start_mark.line + 1}); remove one."
            )
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# Dates stay the text they were written as: templates and records hold plain JSON only.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_definition(text: str, *, file: str = "") -> Definition:
    """Return the definition written in YAML or JSON. Raises RecipeProblems."""
    try:
        tree = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader with more rules
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it could not be read"
        raise RecipeProblems([RecipeError(f"This is not YAML{where}: {what}.", file=file)]) from error
    except RecipeError as error:
        raise RecipeProblems([RecipeError(error.message, file=file)]) from error
    except RecursionError as error:
        raise RecipeProblems([RecipeError("The file is nested too deeply to be read.", file=file)]) from error
    except ValueError as error:
        what = "The file holds a number or a date that cannot be read; put it in quotes"
        raise RecipeProblems([RecipeError(f"{what}.", file=file)]) from error
    return parse_definition(tree, file=file)


_BREAKS = re.compile("[\r\t\x85\u2028\u2029\ufeff]")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else ('"' if "{{" in value else None)
    if _BREAKS.search(value):
        style = '"'  # only there are they escaped; elsewhere they would be folded into a blank
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def write_definition(definition: Definition) -> str:
    """Write the file format: stable order, no secrets, what was left at its default left out."""
    return yaml.dump(definition.as_tree(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
