"""From what stands on the command line to definitions and occurrences: recipe files, names, samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automations.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.compiled import CompiledRecipe
    from automations.engine.contracts import Occurrence
    from automations.engine.definition import Definition, SamplePart

_SUFFIXES = (".yaml", ".yml", ".json")


def read_recipe_file(path: Path) -> Definition:
    """Return the definition in a file, YAML or JSON. Raises RecipeProblems naming the file."""
    from automations.engine.definition import read_definition

    return read_definition(read_text(path), file=str(path))


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8. Save it as UTF-8.") from error


def definition_called(assembly: Assembly, name: str) -> tuple[Definition, str]:
    """Return the definition of a stored recipe (its draft, else what is published) or of a file, and the file.

    A path that exists, or looks like a recipe file, is a file. Raises NotFoundError, RecipeProblems.
    """
    from automations.engine.definition import parse_definition

    path = Path(name)
    if path.is_file():
        return read_recipe_file(path), name
    if path.suffix.lower() in _SUFFIXES:
        raise click.BadParameter(f"There is no file {name!r}.", param_hint="NAME-or-FILE")
    try:
        view = assembly.recipes.get(name)
    except NotFoundError as error:
        raise NotFoundError(
            f"{error.message} There is no file of that name either; `automations recipe list` shows the recipes."
        ) from error
    return parse_definition({**view.latest.definition, "name": view.recipe.name}), ""


def own_sample(recipe: CompiledRecipe, name: str) -> Occurrence:
    """Return the sample of that name among the recipe's own. Raises NotFoundError with the nearest name."""
    from automations.engine.registry import nearest

    samples = recipe.definition.samples
    found = next((sample for sample in samples if sample.name == name), None)
    if found is None:
        names = [sample.name for sample in samples]
        near = nearest(name, names)
        hint = f" Did you mean {near!r}?" if near else f" It has: {', '.join(names) or 'none'}."
        raise NotFoundError(f"The recipe {recipe.name!r} has no sample named {name!r}.{hint}")
    return occurrence_of(recipe, found)


def occurrence_of(recipe: CompiledRecipe, sample: SamplePart) -> Occurrence:
    """Return a recipe file's sample as if it had happened.

    What the recipe's templates want looked up may stand in the sample's `related` or inside its `record`.
    """
    from automations.engine.contracts import Occurrence

    trigger = recipe.trigger
    occurrence = Occurrence(
        topic=trigger.sample.topic,
        entity=trigger.sample.entity,
        record=sample.record,
        previous=sample.previous if sample.previous is not None else trigger.sample.previous,
        record_key=f"{trigger.sample.entity}:{sample.record.get('id', '')}",
        label=sample.name,
        occurred_at=str(sample.record.get("update_time") or trigger.sample.occurred_at),
        related=sample.related,
        facts=trigger.sample.facts,
    )
    return _with_related_apart(recipe, occurrence)


def _with_related_apart(recipe: CompiledRecipe, occurrence: Occurrence) -> Occurrence:
    """Return the occurrence with what stands inside its record, and would be looked up, where looked-up things are."""
    needed = {need.split(".")[0] for need in recipe.needs}
    within = {key: value for key, value in occurrence.record.items() if key in needed}
    record = {key: value for key, value in occurrence.record.items() if key not in within}
    return replace(occurrence, record=record, related={**within, **occurrence.related})


def sample_called(assembly: Assembly, recipe: CompiledRecipe, name: str) -> Occurrence:
    """Return the sample that the command line names: an event's id, a JSON file, or one of the recipe's own.

    Raises NotFoundError, InputError.
    """
    if name.isdigit():
        return stored_event(assembly, int(name))
    path = Path(name)
    if path.is_file():
        return _with_related_apart(recipe, assembly.samples.parse(recipe.trigger.key, read_text(path)))
    if path.suffix.lower() in _SUFFIXES:
        raise click.BadParameter(f"There is no file {name!r}.", param_hint="--sample")
    return own_sample(recipe, name)


def stored_event(assembly: Assembly, event_id: int) -> Occurrence:
    """Return a stored event with what its real runs had looked up, so that it can be tested offline.

    Raises NotFoundError.
    """
    from sqlmodel import col, select

    from automations.model.history import Run

    occurrence = assembly.samples.event(event_id)
    with assembly.database.read() as session:
        memories = session.exec(
            select(Run.memory).where(col(Run.event_id) == event_id).order_by(col(Run.id))
        ).all()
    related = dict(occurrence.related)
    for memory in memories:
        related |= (memory or {}).get("related") or {}
    return replace(occurrence, related=related)
