"""The demo: the whole app with a sandbox Pipedrive and CleverTap, two recipes switched on, nothing else needed."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click

from automations.assembly import Assembly
from automations.cli.serving import only_one, run_web
from automations.engine.definition import read_definition
from automations.errors import SettingsError
from automations.logs import set_up_logs
from automations.model.states import Role
from automations.resources import gallery_folder
from automations.settings import Settings, load_settings

EMAIL = "demo@example.com"
PIPEDRIVE, CLEVERTAP = "acme-pipedrive", "acme-clevertap"
RECIPES = ("new-deal-to-clevertap-profile.yaml", "deal-stage-changed-to-clevertap-event.yaml")
ACCOUNT = {"api_token": "demo-api-token-5f1c", "account_id": "DEMO-ACCOUNT", "passcode": "demo-passcode-9b2e"}
_WORDS = """
amber anchor apple arrow autumn basil beach birch bridge button candle canyon cedar cherry clover cloud copper
coral cotton crane crystal daisy delta dune eagle ember fable falcon feather fern field flame forest garden
ginger glacier grape harbor hazel heron honey island ivory jasmine juniper kettle lagoon lantern laurel lemon
lily linen maple marble meadow melon mint mosaic nectar oak ocean olive opal orchid otter paper pearl pepper
pine planet plum poppy prairie quartz quill raven reef river robin saffron sage salmon sparrow spruce stone
summer tide timber tulip valley velvet violet walnut willow winter wren
"""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the app.")
@click.option(
    "--port", default=8000, show_default=True, help="Port of the app; the sandboxes take +901 and +902."
)
@click.option(
    "--instance",
    type=click.Path(path_type=Path),
    default=None,
    show_default="demo in the instance folder",
    help="Folder of the demo's database; delete it to begin anew.",
)
def demo(host: str, port: int, instance: Path | None) -> None:
    """Start everything on this machine, with sandbox accounts and two recipes switched on."""
    set_up_logs()
    # A folder of its own also where AUTOMATIONS_INSTANCE names one: a trial never touches a real installation.
    instance = instance or Path(os.environ.get("AUTOMATIONS_INSTANCE", "instance")) / "demo"
    os.environ["AUTOMATIONS_INSTANCE"] = str(instance.absolute())
    os.environ.setdefault("AUTOMATIONS_PUBLIC_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("AUTOMATIONS_ALLOWED_NETWORKS", "127.0.0.0/8")
    settings = load_settings(instance)
    pipedrive_port, clevertap_port = port + 901, port + 902
    with only_one(settings.instance / "serve.lock", wait_s=2.0):
        for number in (port, pipedrive_port, clevertap_port):
            _require_free(host, number)
        with _sandbox(settings, pipedrive_port, clevertap_port):
            password = furnish(settings, pipedrive_port, clevertap_port)
            ready = threading.Thread(target=_when_ready, args=(settings, host, port, password), daemon=True)
            ready.start()
            run_web(settings.instance, host, port, workers=settings.workers)


def furnish(settings: Settings, pipedrive_port: int, clevertap_port: int) -> str:
    """Connect the sandboxes, switch the recipes on, make the demo person; return the password.

    What exists already is left as it is, so that a demo can be stopped and started again.
    """
    assembly = Assembly.make(settings)
    try:
        assembly.connections.save(
            "pipedrive",
            PIPEDRIVE,
            {"base_url": f"http://127.0.0.1:{pipedrive_port}", "api_token": ACCOUNT["api_token"]},
        )
        assembly.connections.save(
            "clevertap",
            CLEVERTAP,
            {
                "base_url": f"http://127.0.0.1:{clevertap_port}",
                "account_id": ACCOUNT["account_id"],
                "passcode": ACCOUNT["passcode"],
            },
        )
        known = {view.recipe.name for view in assembly.recipes.all()}
        definitions = [
            (name, read_definition((gallery_folder() / name).read_text(), file=name)) for name in RECIPES
        ]
        assembly.recipes.apply([(n, d) for n, d in definitions if d.name not in known], by=EMAIL)
        return _password(assembly, settings.instance / "sign-in.txt")
    finally:
        assembly.close()


def _password(assembly: Assembly, path: Path) -> str:
    """Return the demo person's words, made once an instance and kept readable for its owner only."""
    if path.exists() and assembly.people.count():
        return path.read_text().strip()
    password = "-".join(secrets.choice(_WORDS.split()) for _ in range(4))
    assembly.people.add(EMAIL, password, Role.ADMIN)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    return password


@contextlib.contextmanager
def _sandbox(settings: Settings, pipedrive_port: int, clevertap_port: int) -> Iterator[None]:
    command = [
        sys.executable, "-m", "automations.sandbox",
        "--port", str(pipedrive_port), "--clevertap-port", str(clevertap_port),
        "--api-token", ACCOUNT["api_token"], "--account-id", ACCOUNT["account_id"],
        "--passcode", ACCOUNT["passcode"], "--state-file", str(settings.instance / "sandbox.json"), "--end-with-parent",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    try:
        _wait_for(f"http://127.0.0.1:{clevertap_port}/", 20.0)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.kill()
        process.wait()


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} is in use. Choose another with --port; the sandboxes take that port + 901 and + 902."
            ) from error


def _wait_for(url: str, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise SettingsError(
                    f"{url} did not answer within {timeout_s:.0f} s. Look at the log above."
                ) from None
            time.sleep(0.1)


def _when_ready(settings: Settings, host: str, port: int, password: str) -> None:
    """Try the accounts and register the webhooks once the app answers, then say how to go on."""
    _wait_for(f"http://{host}:{port}/healthz", 60.0)
    assembly = Assembly.make(settings, migrate=False)
    try:
        for name in (PIPEDRIVE, CLEVERTAP):
            assembly.connections.test(name)
        problems = [report.problem for report in assembly.subscriptions.sync() if report.problem]
    finally:
        assembly.close()
    click.echo(_GREETING.format(port=port, email=EMAIL, password=password, pd=port + 901, ct=port + 902))
    for problem in problems:
        click.echo(f"  Webhooks could not be registered: {problem}")
    sys.stdout.flush()


_GREETING = """
  Automations is up:        http://127.0.0.1:{port}
  Sign in as                {email}
  with the words            {password}

  Fire a first deal:        open http://127.0.0.1:{pd}, create a deal, move it to another stage.
  See what arrived:         http://127.0.0.1:{ct} shows the profile and the event a moment later.
  See how it got there:     http://127.0.0.1:{port}/runs

  Both accounts are sandboxes on this machine; nothing leaves it. Ctrl-C stops everything.
"""
