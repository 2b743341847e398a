"""The exact requests for one sample record, with nothing leaving: what *Try it* shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from automations.connectors.exchanges import masker_for
from automations.connectors.targets.calls import Request, in_calls, lines_of, request_for
from automations.connectors.targets.records import Neutral, shape
from automations.connectors.targets.settings import TargetSettings, as_read
from automations.connectors.targets.target import Target
from automations.connectors.targets.times import read_moment
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError, InputError

_PLACEHOLDER: Final = "your-{}"


def previewed(target: Target, given: Mapping[str, Any], sample: Mapping[str, Any]) -> Sequence[JsonObject]:
    """Return `{method, url, query, headers, body, notes}` of each request.

    given: settings; a placeholder stands for each that is not given. sample: `action` (`profile` or `event`) and
    the fields of that action. Raises InputError, FieldsError.
    """
    settings = _settings(target, given)
    read = as_read(target.part, settings)
    operation = target.operation("event" if sample.get("action") == "event" else "profile")
    made = shape(target, operation, _neutral(sample), read, delivery="preview")
    secrets = {str(getattr(settings, name)) for name in target.settings.secret_names()}
    masker = masker_for(frozenset(text for text in secrets if text))
    requests = [
        request_for(target, call, read, settings.base_url) for call in in_calls(target, lines_of(0, made))
    ]
    shown: list[JsonObject] = [masker.value(_as_json(request)) for request in requests]
    return [{**one, "notes": made.notes} for one in shown]


def _settings(target: Target, given: Mapping[str, Any]) -> TargetSettings:
    values: dict[str, Any] = {
        "target": target.name,
        **{k: v for k, v in given.items() if v not in (None, "")},
    }
    for name, part in target.part.settings.items():
        if name not in values and part.default is None:
            values[name] = next(iter(part.choices), _PLACEHOLDER.format(name.replace("_", "-")))
    try:
        return target.settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}.") from error


def _neutral(sample: Mapping[str, Any]) -> Neutral:
    ids = {
        "user_id": sample.get("identity"),
        "anonymous_id": sample.get("anonymous_id"),
        "email": sample.get("email"),
        "phone": sample.get("phone"),
    }
    moment = sample.get("timestamp")
    time = moment if isinstance(moment, int) and not isinstance(moment, bool) else read_moment(moment)
    if moment is not None and time is None:
        raise FieldsError(
            f"{str(moment)[:60]!r} is no time. Write one such as 2026-11-22T10:42:00Z.", field="timestamp"
        )
    return Neutral(
        {name: str(value) for name, value in ids.items() if value not in (None, "")},
        name=str(sample.get("event_name") or ""),
        time=time,
        data=_table(sample, "properties"),
        operators=_table(sample, "operators"),
    )


def _table(sample: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = sample.get(name) or {}
    if not isinstance(found, dict):
        raise FieldsError("Write names and values.", field=name, wanted="a set of names and values")
    return found


def _as_json(request: Request) -> JsonObject:
    headers = dict(request.headers)
    if request.bearer:
        headers["Authorization"] = f"Bearer {request.bearer}"
    elif request.basic is not None:
        headers["Authorization"] = f"Basic {request.basic[0]}:{request.basic[1]} (in Base64)"
    return {
        "method": request.method,
        "url": request.url,
        "query": dict(request.params),
        "headers": headers,
        "body": request.json if request.content is None else request.content,
    }
