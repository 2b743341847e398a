"""The form of a connection, made from what its kind asks for; secrets go in and never come back out."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic.fields import FieldInfo

from automations.engine.connection_settings import known_table
from automations.engine.connections import KEPT
from automations.engine.contracts import ConnectionKind, DescribedKind, Description
from automations.errors import InputError
from automations.model.connection import Connection
from automations.web.services import services

FORGET = "forget:"


@dataclass(frozen=True)
class FormField:
    """One input. value: what it shows, empty for a secret. stored: the last characters of the kept secret."""

    name: str
    title: str
    help: str
    value: str
    required: bool
    secret: bool
    choices: tuple[str, ...]
    multiline: bool
    advanced: bool
    stored: str = ""
    error: str = ""


@dataclass(frozen=True)
class ConnectionForm:
    """problem: what is wrong with the whole; what is wrong with one field stands in the field.

    described: what the account is of, where the kind has a description for each product; chosen: what says so.
    """

    kind: ConnectionKind
    name: str
    fields: tuple[FormField, ...]
    described: Description | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    row: Connection | None = None
    problem: str = ""
    name_error: str = ""

    @property
    def title(self) -> str:
        return self.described.title if self.described else self.kind.title

    @property
    def plain(self) -> list[FormField]:
        return [one for one in self.fields if not one.advanced]

    @property
    def advanced(self) -> list[FormField]:
        return [one for one in self.fields if one.advanced]

    @property
    def advanced_open(self) -> bool:
        return any(one.error or one.value for one in self.advanced)


def form_for(
    kind: ConnectionKind,
    *,
    row: Connection | None = None,
    typed: Mapping[str, str] | None = None,
    error: InputError | None = None,
) -> ConnectionForm:
    """Return the form as it is shown: new, of the stored `row`, or again with what was `typed` and why not.

    A secret that was typed is not repeated, so it is asked for again.
    """
    shown = services().connections.shown(row) if row is not None else {}
    chosen = chosen_by(kind, row.settings if row is not None else typed or {})
    wrong = error.code.removeprefix("setting.") if error and error.code.startswith("setting.") else ""
    fields = tuple(
        _field(name, info, typed, shown, error.message if error and wrong == name else "")
        for name, info in known_table(kind, chosen).model_fields.items()
        if name not in chosen
    )
    named = any(one.error for one in fields)
    return ConnectionForm(
        kind=kind,
        name=(typed or {}).get("name", row.name if row else ""),
        fields=fields,
        described=_described(kind, chosen),
        chosen=chosen,
        row=row,
        problem=error.message if error and not named else "",
    )


def given_by(kind: ConnectionKind, form: Mapping[str, str], *, new: bool) -> dict[str, Any]:
    """Return what was typed, as `Connections.save` takes it. Names that the kind does not have are left out."""
    given: dict[str, Any] = {}
    table = known_table(kind, chosen_by(kind, form))
    secret_names = table.secret_names()
    for name in table.model_fields:
        value = form.get(name, "").strip()
        if name in secret_names and not value:
            given[name] = "" if new or form.get(FORGET + name) else KEPT
        elif value or not new:
            given[name] = value
    return given


def chosen_by(kind: ConnectionKind, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what these values say of the product, for a kind that has a description for each; else nothing."""
    if not isinstance(kind, DescribedKind) or not values.get(kind.setting):
        return {}
    return {kind.setting: str(values[kind.setting])}


def _described(kind: ConnectionKind, chosen: Mapping[str, str]) -> Description | None:
    if not isinstance(kind, DescribedKind):
        return None
    return next((one for one in kind.descriptions() if one.name == chosen.get(kind.setting)), None)


def _field(
    name: str, info: FieldInfo, typed: Mapping[str, str] | None, shown: Mapping[str, Any], error: str
) -> FormField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    secret = bool(extra.get("secret"))
    default = "" if info.is_required() or info.default is None else str(info.default)
    value = typed.get(name, "") if typed is not None else str(shown.get(name, default))
    return FormField(
        name=name,
        title=info.title or name,
        help=info.description or "",
        value="" if secret else value,
        required=info.is_required(),
        secret=secret,
        choices=_choices(info, extra),
        multiline=bool(extra.get("multiline")),
        advanced=bool(extra.get("advanced")),
        stored=str(shown.get(name, "")) if secret else "",
        error=error,
    )


def _choices(info: FieldInfo, extra: Mapping[str, Any]) -> tuple[str, ...]:
    named = extra.get("choices")
    if isinstance(named, list) and named:
        return tuple(str(choice) for choice in named)
    kinds = [info.annotation]
    if typing.get_origin(info.annotation) in (typing.Union, types.UnionType):
        kinds = list(typing.get_args(info.annotation))
    return tuple(
        str(c) for kind in kinds if typing.get_origin(kind) is Literal for c in typing.get_args(kind)
    )
