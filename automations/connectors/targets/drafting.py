"""A description made from the answers to a short form; the rest of the format is then written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml

from automations.connectors.targets.checks import CHECKS
from automations.connectors.targets.reading import parse_description
from automations.connectors.targets.target import compile_target
from automations.errors import InputError, RecipeProblems

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_ADDRESS: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?\Z")

_PROFILE: Final = {"id": "{{ identity }}", "time": "{{ time }}", "attributes": "{{ data }}"}
_EVENT: Final = {
    "id": "{{ identity }}",
    "event": "{{ name }}",
    "time": "{{ time }}",
    "key": "{{ key }}",
    "properties": "{{ data }}",
}
_AUTHS: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "none": lambda _: {},
    "bearer": lambda _: {"bearer": "{{ settings.api_key }}"},
    "basic": lambda _: {"basic": {"user": "{{ settings.api_key }}", "password": ""}},
    "header": lambda name: {"headers": {name or "X-Api-Key": "{{ settings.api_key }}"}},
    "query": lambda name: {"query": {name or "api_key": "{{ settings.api_key }}"}},
    "body": lambda name: {"body": {name or "api_key": "{{ settings.api_key }}"}},
}


def drafted(answers: Mapping[str, str]) -> str:
    """Return the YAML of a description.

    answers: `name`, `title`, `address`, `auth` (none, bearer, basic, header, query, body), `auth_name`,
    `profile_path`, `event_path`, `profile_record`, `event_record` (JSON; empty for a plain one), `list_key`,
    `records` (a call), `time` (a form of times), `nested`, and `identity_check`. Raises InputError naming the answer.
    """
    tree = _tree(answers)
    text = yaml.dump(tree, sort_keys=False, allow_unicode=True, width=100)
    try:
        compile_target(parse_description(tree), text)
    except RecipeProblems as error:
        first = error.problems[0]
        raise InputError(f"{first.path or 'The description'}: {first.message}", code="draft") from error
    return text


def _tree(answers: Mapping[str, str]) -> dict[str, Any]:
    name = answers.get("name", "").strip()
    if not _NAME.match(name):
        raise _wrong("name", "A name is made of small letters, digits and _, and begins with a letter.")
    address = answers.get("address", "").strip().rstrip("/")
    if not _ADDRESS.match(address):
        raise _wrong("address", "Give an address such as https://events.example.com.")
    auth = answers.get("auth", "").strip() or "none"
    if auth not in _AUTHS:
        raise _wrong("auth", f"Credentials are one of {', '.join(_AUTHS)}.")
    records = _number(answers.get("records", "").strip() or "1")
    tree: dict[str, Any] = {"target": name, "title": answers.get("title", "").strip() or name}
    if auth != "none":
        tree["settings"] = {"api_key": {"title": "Key", "secret": True}}
    tree["address"] = address
    if auth != "none":
        tree["auth"] = _AUTHS[auth](answers.get("auth_name", "").strip())
    tree["time"] = {"record": answers.get("time", "").strip() or "iso"}
    tree["values"] = {"nested": answers.get("nested", "").strip() or "keep"}
    for part, plain in (("profile", _PROFILE), ("event", _EVENT)):
        tree[part] = _operation(part, answers, plain, several=records > 1)
    tree["batch"] = {"records": records}
    return tree


def _operation(part: str, answers: Mapping[str, str], plain: Mapping[str, Any], *, several: bool) -> Any:
    path = answers.get(f"{part}_path", "").strip()
    if not path.startswith("/"):
        raise _wrong(f"{part}_path", "A path begins with `/`, such as /events.")
    operation: dict[str, Any] = {"path": path, "record": _record(part, answers, plain)}
    key = answers.get("list_key", "").strip()
    if several or key:
        operation["into"] = key.split(".") if key else []
    if part == "profile" and answers.get("identity_check", "") in CHECKS:
        operation["attributes"] = {"checks": {"email": answers["identity_check"]}}
    return operation


def _record(part: str, answers: Mapping[str, str], plain: Mapping[str, Any]) -> dict[str, Any]:
    text = answers.get(f"{part}_record", "").strip()
    if not text:
        return dict(plain)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(f"{part}_record", f"This is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise _wrong(f"{part}_record", "A record is an object: {…}.")
    return found


def _number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise _wrong("records", "A call takes 1 to 10,000 records.")
    return int(text)


def _wrong(answer: str, message: str) -> InputError:
    return InputError(message, code=f"draft.{answer}")
