"""A description compiled: everything that can be known before the first record is known once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from automations.connectors.targets.checks import CHECKS, Check, check_of
from automations.connectors.targets.parts import (
    BatchPart,
    DescriptionPart,
    FailuresPart,
    OperationPart,
    OperatorPart,
    ValuesPart,
)
from automations.connectors.targets.settings import RESERVED, TargetSettings, settings_table
from automations.connectors.targets.shapes import Shape, keys_of, shape_problems
from automations.connectors.targets.times import WriteTime, time_writer
from automations.engine.contracts import Pool
from automations.engine.registry import nearest
from automations.engine.templating import Template, check, compile_expression
from automations.errors import RecipeError, RecipeProblems

IDENTITY_NAMES: Final = ("user_id", "anonymous_id", "email", "phone", "identity")
RECORD_NAMES: Final = frozenset(
    {*IDENTITY_NAMES, "name", "time", "key", "data", "top", "operators", "settings"}
)
_ONLY_SETTINGS: Final = frozenset({"settings"})


@dataclass(frozen=True)
class Operator:
    """One change, compiled. value, negative, record: None where it is not written in that way."""

    part: OperatorPart
    value: Shape | None
    negative: Shape | None
    record: Shape | None


class Operation:
    """One kind of call, compiled."""

    def __init__(self, name: str, part: OperationPart, whole: DescriptionPart) -> None:
        self.name = name
        self.part = part
        self.values: ValuesPart = part.values or whole.values
        self.batch: BatchPart = part.batch or whole.batch
        self.record = Shape(part.record)
        self.body = Shape(part.body)
        self.path = Shape(part.path)
        self.query = Shape(part.query)
        self.headers = Shape(part.headers)
        self.equal = Shape(self.batch.equal) if self.batch.equal else None
        self.into = None if part.into is None else keys_of(part.into)
        self.checks: Mapping[str, tuple[Check, str]] = {
            name: check_of(wanted) for name, wanted in part.attributes.checks.items()
        }

    @property
    def carries_key(self) -> bool:
        """Whether the target can tell a record that it was sent twice."""
        return "key" in self.record.names

    @property
    def resends(self) -> bool:
        """Whether a record is sent again when its answer was lost."""
        return self.part.in_doubt == "resend" or (self.carries_key and self.part.in_doubt != "ask")


@dataclass(frozen=True)
class Failures:
    """One place in a reply where refused records are listed, compiled."""

    part: FailuresPart
    where: tuple[str, ...]
    at: tuple[str, ...]
    record_at: tuple[str, ...]
    code: tuple[str, ...]
    reason: tuple[str, ...]
    array: tuple[str, ...]
    retry_codes: frozenset[str]


class Target:
    """One service, ready to be sent to."""

    def __init__(self, part: DescriptionPart, text: str) -> None:
        self.part = part
        self.text = text
        self.settings: type[TargetSettings] = settings_table(part)
        self.settings.described = self
        self.profile = Operation("profile", part.profile, part)
        self.event = Operation("event", part.event, part)
        self.address = Shape(part.address)
        self.headers = Shape(part.headers)
        self.auth = Shape(part.auth.model_dump())
        self.test = Shape(part.test.model_dump()) if part.test else None
        self.dry_run = Shape(part.dry_run.model_dump()) if part.dry_run else None
        self.record_time: WriteTime = time_writer(part.time.record)
        self.data_time: WriteTime | None = (
            None if part.time.in_data == "keep" else time_writer(part.time.in_data)
        )
        self.operators: Mapping[str, Operator] = {
            name: _operator(one) for name, one in part.operators.items()
        }
        self.ok_if: Template | None = compile_expression(part.answer.ok_if) if part.answer.ok_if else None
        refused_if = part.answer.refused_if
        self.refused_if: Template | None = compile_expression(refused_if) if refused_if else None
        self.failures = tuple(_failures(one) for one in part.answer.failures)

    @property
    def name(self) -> str:
        return self.part.target

    @property
    def title(self) -> str:
        return self.part.title

    def operation(self, name: str) -> Operation:
        return self.profile if name == "profile" else self.event

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """What its calls are paid from: requests first, then records."""
        throttle = self.part.throttle
        found = (("requests", throttle.requests), ("records", throttle.records))
        return tuple(
            Pool(name, f"{self.title}: {name} in {window.window_s:g} s", window.window_s, limit=window.limit)
            for name, window in found
            if window is not None
        )


def compile_target(part: DescriptionPart, text: str = "", *, file: str = "") -> Target:
    """Return the target of a description. Raises RecipeProblems with all that is wrong, each with its path."""
    problems = list(_problems(part, file))
    if problems:
        raise RecipeProblems(problems)
    return Target(part, text)


def _operator(part: OperatorPart) -> Operator:
    return Operator(
        part,
        Shape(part.value) if part.value is not None else None,
        Shape(part.negative) if part.negative is not None else None,
        Shape(part.record) if part.record is not None else None,
    )


def _failures(part: FailuresPart) -> Failures:
    return Failures(
        part,
        keys_of(part.list),
        keys_of(part.at),
        keys_of(part.record_at),
        keys_of(part.code),
        keys_of(part.reason),
        keys_of(part.array),
        frozenset(map(str, part.retry_codes)),
    )


def _problems(part: DescriptionPart, file: str) -> Iterator[RecipeError]:
    settings = set(part.settings)
    for name in sorted(settings & RESERVED):
        yield RecipeError(
            f"Every target has {name!r} already; choose another name.", path=f"settings.{name}", file=file
        )
    for name, one in part.settings.items():
        if one.choices and one.default is not None and one.default not in one.choices:
            yield RecipeError(
                f"The default {one.default!r} is none of the choices.", path=f"settings.{name}", file=file
            )
    fixed = part.model_dump(include={"address", "headers", "auth", "test", "dry_run"}, exclude_none=True)
    for key, tree in fixed.items():
        yield from shape_problems(tree, key, _ONLY_SETTINGS, settings, file)
    for name, operation in (("profile", part.profile), ("event", part.event)):
        yield from _operation_problems(name, operation, part, settings, file)
    for name, change in part.operators.items():
        yield from _operator_problems(change, f"operators.{name}", settings, file)
    yield from _form_problems(part, file)


def _operation_problems(
    name: str, part: OperationPart, whole: DescriptionPart, settings: set[str], file: str
) -> Iterator[RecipeError]:
    batch = part.batch or whole.batch
    yield from shape_problems(part.record, f"{name}.record", RECORD_NAMES, settings, file)
    for key in ("query", "body", "headers"):
        yield from shape_problems(getattr(part, key), f"{name}.{key}", _ONLY_SETTINGS, settings, file)
    yield from shape_problems(batch.equal, f"{name}.batch.equal", RECORD_NAMES, settings, file)
    alone = batch.records == 1
    names = frozenset({*IDENTITY_NAMES, "settings"}) if alone else _ONLY_SETTINGS
    yield from shape_problems(part.path, f"{name}.path", names, settings, file)
    if not part.path.startswith("/"):
        yield RecipeError(
            "A path begins with `/`; the host belongs under address.", path=f"{name}.path", file=file
        )
    if part.into is None and not alone:
        yield RecipeError(
            "Several records share a call, so say where they stand: into.", path=f"{name}.into", file=file
        )
    for attribute, wanted in part.attributes.checks.items():
        if isinstance(wanted, str) and wanted not in CHECKS:
            near = nearest(wanted, CHECKS)
            hint = f" Did you mean {near!r}?" if near else f" Use one of {', '.join(CHECKS)}."
            yield RecipeError(
                f"There is no check {wanted!r}.{hint}",
                path=f"{name}.attributes.checks.{attribute}",
                file=file,
            )


def _operator_problems(part: OperatorPart, path: str, settings: set[str], file: str) -> Iterator[RecipeError]:
    ways = (bool(part.group), part.record is not None, part.clear, part.value is not None and not part.group)
    if sum(ways) != 1:
        yield RecipeError(
            "Say how it is written by one of value, clear, group and record.", path=path, file=file
        )
    in_value = frozenset({"value", "key", "settings"})
    yield from shape_problems(part.value, f"{path}.value", in_value, settings, file)
    yield from shape_problems(part.negative, f"{path}.negative", in_value, settings, file)
    yield from shape_problems(part.record, f"{path}.record", RECORD_NAMES | {"change"}, settings, file)


def _form_problems(part: DescriptionPart, file: str) -> Iterator[RecipeError]:
    for key in ("record", "in_data"):
        form = getattr(part.time, key)
        if form != "keep" or key == "record":
            try:
                time_writer(form)
            except ValueError as error:
                yield RecipeError(f"{error}.", path=f"time.{key}", file=file)
    for key in ("ok_if", "refused_if"):
        source = getattr(part.answer, key)
        for problem in check("{{ " + source + " }}", known_names={"reply", "status"}) if source else ():
            yield RecipeError(problem.message, path=f"answer.{key}", file=file)
    if part.together and (part.profile.path, part.profile.query) != (part.event.path, part.event.query):
        yield RecipeError(
            "Profiles and events share calls only where path and query are the same.",
            path="together",
            file=file,
        )
    for number, failures in enumerate(part.answer.failures):
        if failures.by != "index" and failures.by != "echo" and not failures.record_at:
            yield RecipeError(
                "Say where our record has that id: record_at.",
                path=f"answer.failures.{number}.record_at",
                file=file,
            )
