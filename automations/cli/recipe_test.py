"""`automations recipe test`: a recipe on a sample, walked as a real run is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from automations.cli.installation import opened
from automations.cli.output import json_option, plain, print_json, remark, say
from automations.errors import AutomationError, RecipeProblems

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.engine.compiled import CompiledRecipe
    from automations.engine.contracts import Occurrence

_STEP = ("name", "status", "fields", "requests", "outputs", "error")
_REQUEST = ("method", "url", "headers", "body")
_MODES = ("offline", "lookups", "live")


@click.command()
@click.argument("name", metavar="NAME-or-FILE")
@click.option(
    "--sample", metavar="FILE-or-EVENT_ID", help="A JSON file, the id of an event, or one of its own samples."
)
@click.option(
    "--mode", type=click.Choice(_MODES), default="offline", show_default=True, help="What may leave."
)
@click.option(
    "--validate", is_flag=True, help="With live: targets that can only check; the rest is not sent."
)
@click.option("--yes", is_flag=True, help="Do not ask before a live test.")
@json_option
def test(name: str, sample: str | None, mode: str, validate: bool, yes: bool, as_json: bool) -> None:
    """Try a recipe, a stored one or a file, on a sample, and show the exact requests.

    offline opens no socket at all, and connections that are not there yet are stood in for; lookups lets reads out;
    live sends for real, after a question. With --validate, targets that can (CleverTap) are asked to check the
    records and store nothing, and what would be written elsewhere is shown and not sent.

    Without --sample, the recipe's own tests are run offline. The exit status is 1 when a test fails or the outcome
    is an error; a sample that the conditions filter out is no failure.

    \b
    Examples:
      automations recipe test new-deal.yaml
      automations recipe test new-deal.yaml --sample deal.json --json
    """
    if mode != "offline" and sample is None:
        raise click.UsageError(f"--mode {mode} needs --sample: the recipe's own tests run offline.")
    if validate and mode != "live":
        raise click.UsageError("--validate asks the targets themselves, so it needs --mode live.")
    if mode == "live" and not (yes or validate):
        click.confirm("This sends for real. Go on?", abort=True, err=True)
    with opened() as assembly:
        document = _tested(assembly, name, sample, mode, validate)
    if as_json:
        print_json(document)
    else:
        _tell(document)
    failed = [one for one in document.get("tests", ()) if not one["passed"]]
    if failed or ("tests" not in document and document["outcome"] == "error"):
        raise click.exceptions.Exit(1)


def _tested(assembly: Assembly, name: str, sample: str | None, mode: str, validate: bool) -> dict[str, Any]:
    """Return the contract's document of one test-run; with `tests` besides where the recipe's own were run."""
    from automations.cli.recipe_files import definition_called, sample_called
    from automations.cli.stand_ins import complaint, connected

    definition, file = definition_called(assembly, name)
    with connected(assembly, definition, offline=mode == "offline") as (house, standing_in):
        if standing_in:
            remark(f"Stood in for, because they are not there yet: {', '.join(map(plain, standing_in))}")
        try:
            recipe = house.recipes.compile(definition, file=file)
        except RecipeProblems as error:
            return {"outcome": "error", "why": complaint(error), "steps": []}
        if sample is not None:
            occurrence = sample_called(assembly, recipe, sample)
            if mode == "offline" and recipe.needs and not occurrence.related:
                needs = ", ".join(sorted(recipe.needs))
                remark(
                    f"Offline, nothing is looked up, and the sample does not bring: {needs}. See --mode lookups."
                )
            return _ran(house, recipe, occurrence, mode, validate)
        if not definition.tests:
            remark("The recipe has no tests of its own; this is its first sample, or the trigger's.")
            return _ran(house, recipe, _first_sample(recipe), mode)
        tests = [_own_test(house, recipe, number) for number in range(len(definition.tests))]
    shown = next((one for one in tests if not one["passed"]), tests[0])
    return {**{key: shown[key] for key in ("outcome", "why", "steps")}, "tests": tests}


def _first_sample(recipe: CompiledRecipe) -> Occurrence:
    from automations.cli.recipe_files import occurrence_of

    samples = recipe.definition.samples
    return occurrence_of(recipe, samples[0]) if samples else recipe.trigger.sample


def _own_test(house: Assembly, recipe: CompiledRecipe, number: int) -> dict[str, Any]:
    from automations.cli.expectations import differences
    from automations.cli.recipe_files import own_sample

    part = recipe.definition.tests[number]
    try:
        answer = _ran(house, recipe, own_sample(recipe, part.sample), "offline")
        found = differences(part.expect, answer)
    except AutomationError as error:
        answer, found = {"outcome": "error", "why": [error.message], "steps": []}, [error.message]
    return {"sample": part.sample, "passed": not found, "differences": found, **answer}


def _ran(
    house: Assembly, recipe: CompiledRecipe, occurrence: Occurrence, mode: str, validate: bool = False
) -> dict[str, Any]:
    from automations.engine.contracts import DoorMode

    answer = house.test_runs.run(recipe, occurrence, DoorMode(mode), validate=validate)
    return {"outcome": answer["outcome"], "why": answer["why"], "steps": [_step(s) for s in answer["steps"]]}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contract's part of a step: what would leave, not how the engine keeps it."""
    requests = [{key: request.get(key) for key in _REQUEST} for request in step["requests"]]
    return {**{key: step[key] for key in _STEP}, "requests": requests}


def _tell(document: Mapping[str, Any]) -> None:
    tests = document.get("tests")
    if tests is None:
        _tell_run(document)
        return
    for one in tests:
        say(f"{_colored('passed' if one['passed'] else 'failed')} {plain(one['sample'])} ({one['outcome']})")
        for line in one["differences"]:
            say(f"    {plain(line)}")
    failed = sum(not one["passed"] for one in tests)
    say(f"{len(tests) - failed} of {len(tests)} tests passed.")


def _tell_run(document: Mapping[str, Any]) -> None:
    import orjson

    say(f"{_colored(document['outcome'])}")
    for line in document["why"]:
        say(f"  {plain(line)}")
    for step in document["steps"]:
        say(f"\n{click.style(plain(step['name']), bold=True)}: {_colored(step['status'])}")
        if step["error"]:
            say(f"  {plain(step['error']['message'])}")
        for request in step["requests"]:
            say(f"  {request['method']} {plain(request['url'])}")
            if request["body"] is not None:
                text = request["body"]
                if not isinstance(text, str):
                    text = orjson.dumps(text, option=orjson.OPT_INDENT_2, default=str).decode()
                say("\n".join(f"    {plain_line(line)}" for line in text.splitlines()))


def plain_line(line: str) -> str:
    """Return a line that keeps its indentation."""
    return line[: len(line) - len(line.lstrip())] + plain(line)


def _colored(word: str) -> str:
    good = word in ("ok", "passed", "succeeded")
    return click.style(word, fg="green" if good else "yellow" if word in ("filtered", "skipped") else "red")
