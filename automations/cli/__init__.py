"""The command `automations`. Each family of commands is a module here, imported when it is used."""

from __future__ import annotations

import click

from automations.cli.lazy import Place, Program

_HERE = "automations.cli"

PLACES = {
    "serve": Place(f"{_HERE}.serving", "serve", "Run the web and the workers together."),
    "web": Place(f"{_HERE}.serving", "web", "Run the web alone."),
    "worker": Place(f"{_HERE}.serving", "worker", "Run one worker alone."),
    "demo": Place(f"{_HERE}.demo", "demo", "Try it with a sandbox Pipedrive and CleverTap."),
    "connection": Place(f"{_HERE}.connections", "connection", "Connect accounts, try them, remove them."),
    "target": Place(f"{_HERE}.targets", "target", "Look at described services, and add your own."),
    "recipe": Place(f"{_HERE}.recipes", "recipe", "Write, test, publish and compare recipes."),
    "replay": Place(f"{_HERE}.replay", "replay", "Send old events through again, one or many."),
    "run": Place(f"{_HERE}.runs", "run", "Look at what ran, and at what waits for you."),
    "backfill": Place(f"{_HERE}.backfill", "backfill", "Send existing records through a recipe."),
    "job": Place(f"{_HERE}.jobs", "job", "Look after long work: backfills, sweeps, replays."),
    "subscription": Place(f"{_HERE}.subscriptions", "subscription", "Look after webhooks in other products."),
    "user": Place(f"{_HERE}.users", "user", "Say who may sign in."),
    "token": Place(f"{_HERE}.tokens", "token", "Say which programs may call the API."),
    "doctor": Place(f"{_HERE}.doctor", "doctor", "Check everything and say what to do."),
    "backup": Place(f"{_HERE}.upkeep", "backup", "Copy the database to a file while it is in use."),
    "retention": Place(f"{_HERE}.retention", "retention", "Look after the room that history takes."),
    "database": Place(f"{_HERE}.database", "database", "Take all that is stored to another database."),
    "keys": Place(f"{_HERE}.upkeep", "keys", "Look after the keys that encrypt secrets."),
}


@click.group(cls=Program, places=PLACES)
@click.version_option(package_name="automations", message="%(version)s")
def main() -> None:
    """When something happens in one product, do what must follow in another.

    \b
    Settings come from the environment (AUTOMATIONS_INSTANCE, …) and from
    settings.env in the instance folder. Exit status: 0 done, 1 the thing asked
    for failed, 2 the words were wrong.

    \b
    Example:
      automations recipe test recipe.yaml --sample deal.json
    """
