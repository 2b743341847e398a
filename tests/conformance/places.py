"""Where each kind of connection is tried: the one place to add a line for a new kind.

A place is a strict stand-in that speaks HTTP on 127.0.0.1, and the settings that reach it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from automations.connectors.targets.library import shipped
from automations.sandbox import ClevertapSandbox, PipedriveSandbox
from automations.sandbox.base import SandboxApp
from automations.sandbox.described import DescribedSandbox
from tests.conformance.receiver import Receiver

SECRET = "s3cr3t-4f81b7c2d9"


@dataclass(frozen=True)
class Place:
    """A stand-in and how to reach it. settings: all but `base_url`.

    any_json_is_fine: the other side may answer whatever it likes, so no JSON is nonsense. state: what the
    other side holds after calls, as a value that can be compared.
    """

    sandbox: SandboxApp
    settings: dict[str, Any]
    state: Callable[[], Any]
    any_json_is_fine: bool = False


def clevertap() -> Place:
    sandbox = ClevertapSandbox("ACC-91-conformance", SECRET)
    settings = {"account_id": "ACC-91-conformance", "passcode": SECRET}
    return Place(sandbox, settings, lambda: copy.deepcopy((sandbox.profiles, sandbox.events)))


def http() -> Place:
    receiver = Receiver(SECRET)
    settings = {"auth": "bearer", "token": SECRET}
    return Place(receiver, settings, lambda: copy.deepcopy(receiver.orders), any_json_is_fine=True)


def pipedrive() -> Place:
    sandbox = PipedriveSandbox(api_token=SECRET, company_domain="lumen")
    _with_timber(sandbox)
    entities = ("person", "organization", "deal", "lead", "product", "activity", "note")
    return Place(
        sandbox, {"api_token": SECRET}, lambda: [sorted(sandbox.records(entity)) for entity in entities]
    )


def target() -> Place:
    settings = {"site_id": SECRET, "api_key": SECRET}
    sandbox = DescribedSandbox(shipped()["customerio_track"], settings)
    state = {"target": "customerio_track", **settings}
    return Place(sandbox, state, lambda: copy.deepcopy((sandbox.profiles, sandbox.events)))


def _with_timber(sandbox: PipedriveSandbox) -> None:
    """Give the account what some examples look for: a company, its people, a deal, a lead and a product."""
    company = sandbox.create("organization", {"name": "Bergen Timber"})
    sandbox.create("organization", {"name": "Bergen Timber (old)"})
    person = sandbox.create("person", {"name": "Ingrid Berg", "org_id": company["id"]})
    sandbox.create("person", {"name": "I. Solberg"})
    sandbox.create("deal", {"title": "Timber for the quay", "org_id": company["id"]})
    sandbox.create("lead", {"title": "Timber for a boat", "person_id": person["id"]})
    sandbox.create(
        "product", {"name": "Oak board", "code": "OAK-40", "prices": [{"price": 40, "currency": "EUR"}]}
    )


PLACES: dict[str, Callable[[], Place]] = {
    "clevertap": clevertap,
    "http": http,
    "pipedrive": pipedrive,
    "target": target,
}
