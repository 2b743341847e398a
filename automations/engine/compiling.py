"""A recipe checked against what is installed and connected, and made ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from automations.engine.compiled import (
    CompiledRecipe,
    CompiledStep,
    ConnectionFacts,
    FindConnection,
    KnowAccount,
)
from automations.engine.conditions import Condition, parse_condition
from automations.engine.context import known_names
from automations.engine.contracts import Action, ConnectionKind, Trigger, TriggerFields
from automations.engine.conversion import convert, type_words
from automations.engine.definition import Definition, StepPart, path_text
from automations.engine.mapping import FieldMapping, is_expression
from automations.engine.registry import Registry, nearest
from automations.engine.templating import Template, check, compile_expression
from automations.errors import MappingError, RecipeError, RecipeProblems


def compile_recipe(
    definition: Definition,
    registry: Registry,
    find_connection: FindConnection,
    *,
    file: str = "",
    know_account: KnowAccount | None = None,
) -> CompiledRecipe:
    """Return the recipe ready to run.

    know_account: given when a recipe is saved, so that actions check mappings against the account, too.
    Raises RecipeProblems with everything that is wrong, each with its path and the nearest right name.
    """
    return _Compiler(definition, registry, find_connection, file, know_account).compile()


class _Compiler:
    def __init__(
        self,
        definition: Definition,
        registry: Registry,
        find_connection: FindConnection,
        file: str,
        know_account: KnowAccount | None,
    ) -> None:
        self.definition = definition
        self.registry = registry
        self.find_connection = find_connection
        self.file = file
        self.know_account = know_account
        self.problems: list[RecipeError] = []
        self._hints: frozenset[str] = frozenset()

    def compile(self) -> CompiledRecipe:
        trigger = self._trigger()
        connection = self._connection(
            self.definition.trigger.connection, "trigger.connection", trigger.connection if trigger else None
        )
        fields = self._trigger_fields(trigger) if trigger else None
        entity = trigger.entity if trigger else ""
        own_names = trigger.names if trigger else ()
        condition = self._condition(self.definition.only_if, "only_if", known_names(entity, own_names))
        steps = tuple(
            filter(
                None, (self._step(i, part, entity, own_names) for i, part in enumerate(self.definition.steps))
            )
        )
        if self.problems:
            raise RecipeProblems(self.problems)
        assert trigger is not None
        assert connection is not None
        assert fields is not None
        kind = self.registry.kinds[trigger.connection.kind]
        condition_paths = condition.paths if condition else frozenset()
        paths = condition_paths.union(*(_step_paths(step) for step in steps))
        return CompiledRecipe(
            name=self.definition.name,
            definition=self.definition,
            trigger=trigger,
            trigger_fields=fields,
            connection=connection,
            kind=kind,
            condition=condition,
            steps=steps,
            needs=kind.needs(entity, paths),
            condition_needs=kind.needs(entity, condition_paths),
        )

    def _say(self, path: str, message: str) -> None:
        self.problems.append(RecipeError(message, path=path, file=self.file))

    def _trigger(self) -> Trigger | None:
        key = self.definition.trigger.key
        found = self.registry.triggers.get(key)
        if found is None:
            self._say("trigger.key", f"There is no trigger {key!r}.{_hint(key, self.registry.triggers)}")
            return None
        return found()

    def _connection(
        self, name: str, path: str, wanted: type[ConnectionKind] | None
    ) -> ConnectionFacts | None:
        if not name:
            self._say(path, "A connection is needed here. Choose one.")
            return None
        found = self.find_connection(name)
        if found is None:
            self._say(
                path,
                f"There is no connection named {name!r}. Add it on the Connections page, or correct the name.",
            )
            return None
        if wanted is not None and found.kind != wanted.kind:
            self._say(path, f"{name!r} is a {found.kind} connection; this needs a {wanted.kind} one.")
            return None
        return found

    def _trigger_fields(self, trigger: Trigger) -> TriggerFields | None:
        values: dict[str, Any] = {}
        known = trigger.Fields.model_fields
        for name, value in self.definition.trigger.fields.items():
            path = f"trigger.fields.{name}"
            if name not in known:
                self._say(path, f"{trigger.key} has no field {name!r}.{_hint(name, known)}")
            elif value not in (None, ""):
                try:
                    values[name] = convert(value, known[name].annotation)
                except ValueError:
                    self._say(path, f"{value!r} is not {type_words(known[name].annotation)}.")
        try:
            return trigger.Fields.model_validate(values)
        except ValidationError as error:
            for item in error.errors():
                where = path_text(("trigger", "fields", *item["loc"]))
                self._say(where, str(item["msg"]).removeprefix("Value error, "))
            return None

    def _condition(self, value: Any, path: str, names: frozenset[str]) -> Condition | None:
        if value is None or value in ("", {}, []):
            return None
        try:
            condition = parse_condition(value)
        except RecipeError as error:
            where = f"{path}.{error.path}" if error.path else path
            self._say(where, error.message)
            return None
        self._check_names(condition.paths, path, names)
        return condition

    def _check_names(self, paths: frozenset[tuple[str, ...]], path: str, names: frozenset[str]) -> None:
        for name in sorted({found[0] for found in paths if found} - names):
            self._say(path, f"{name!r} is not known in a template here.{_hint(name, names)}")

    def _step(
        self, index: int, part: StepPart, entity: str, own_names: tuple[str, ...]
    ) -> CompiledStep | None:
        where = f"steps[{index}]"
        action = self.registry.actions.get(part.action)
        if action is None:
            self._say(
                f"{where}.action",
                f"There is no action {part.action!r}.{_hint(part.action, self.registry.actions)}",
            )
            return None
        connection_id = 0
        if action.connection is not None:
            connection = self._connection(part.connection, f"{where}.connection", action.connection)
            connection_id = connection.id if connection else 0
        outer = known_names(entity, own_names)
        names = known_names(entity, own_names, in_loop=part.for_each is not None)
        condition = self._condition(part.only_if, f"{where}.only_if", names)
        for_each = self._for_each(part, where, outer)
        mapping = self._mapping(action, part, where, names)
        if mapping is None:
            return None
        self._fits_the_account(action, part, connection_id, where)
        return CompiledStep(index, part, action, connection_id, mapping, condition, for_each)

    def _fits_the_account(self, action: Action, part: StepPart, connection_id: int, where: str) -> None:
        account = self.know_account(connection_id) if self.know_account and connection_id else None
        if account is not None:
            for name, message in action.check_mapping(part.fields, *account):
                self._say(f"{where}.fields.{name}", message)

    def _for_each(self, part: StepPart, where: str, names: frozenset[str]) -> Template | None:
        if part.for_each is None:
            return None
        try:
            template = compile_expression(part.for_each)
        except MappingError as error:
            self._say(f"{where}.for_each", error.message)
            return None
        self._check_names(template.paths, f"{where}.for_each", names)
        return template

    def _mapping(
        self, action: Action, part: StepPart, where: str, names: frozenset[str]
    ) -> FieldMapping | None:
        known = action.Fields.model_fields
        for name in part.fields:
            if name not in known:
                self._say(
                    f"{where}.fields.{name}", f"{action.key} has no field {name!r}.{_hint(name, known)}"
                )
        for path in part.missing:
            if path.split(".")[0] not in known:
                self._say(
                    f"{where}.missing.{path}", f"{action.key} has no field {path!r}.{_hint(path, known)}"
                )
        templates = {name: value for name, value in part.fields.items() if not is_expression(action, name)}
        if not self._templates_are_sound(templates, f"{where}.fields", names):
            return None
        mapping = FieldMapping(action, part.fields, part.missing, step=part.name)
        self._require(action, part, where)
        return mapping

    def _require(self, action: Action, part: StepPart, where: str) -> None:
        for name, info in action.Fields.model_fields.items():
            if info.is_required() and part.fields.get(name) in (None, ""):
                self._say(f"{where}.fields.{name}", f"{info.title or name} is required. Map it.")

    def _templates_are_sound(self, tree: Any, path: str, names: frozenset[str]) -> bool:
        sound = True
        for location, source in _texts(tree):
            where = path + ("." + path_text(location) if location else "")
            for problem in check(source, known_names=names | self._hints):
                self._say(where, problem.message)
                sound = False
        return sound


def _texts(tree: Any, location: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(tree, str):
        return [(location, tree)]
    if isinstance(tree, dict):
        return [found for key, value in tree.items() for found in _texts(value, (*location, key))]
    if isinstance(tree, list):
        return [found for index, value in enumerate(tree) for found in _texts(value, (*location, index))]
    return []


def _hint(name: str, names: Mapping[str, Any] | frozenset[str]) -> str:
    near = nearest(name, list(names))
    return f" Did you mean {near!r}?" if near else ""


def _step_paths(step: CompiledStep) -> frozenset[tuple[str, ...]]:
    paths = step.mapping.paths
    if step.only_if is not None:
        paths |= step.only_if.paths
    if step.for_each is not None:
        paths |= step.for_each.paths
    return paths
