"""What a person gives to connect a described account: a table made from its description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import AfterValidator, Field, create_model, field_validator

from automations.connectors.targets.parts import DescriptionPart, SettingPart
from automations.engine.contracts import ConnectionSettings, field

RESERVED: Final = frozenset({"target", "base_url"})
_BASE_URL: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?\Z")


class TargetSettings(ConnectionSettings):
    """Which service it is, and where; what else is asked for, its description says.

    described: the target that the table was made for; None for this table itself.
    """

    described: ClassVar[object | None] = None

    target: str = field("Service", "The name of its description, such as `mixpanel` or `braze`.")
    base_url: str = field(
        "Address instead of its own",
        "For a proxy or an installation of your own, such as https://events.example.com.",
        default="",
        advanced=True,
    )

    @field_validator("base_url")
    @classmethod
    def _only_an_address(cls, value: str) -> str:
        return _address(value) if value.strip() else ""


def _address(value: str) -> str:
    text = value.strip().rstrip("/")
    if not _BASE_URL.match(text):
        raise ValueError(f"{value!r} is no address. Give one such as https://events.example.com")
    return text


def _fit_to_send(value: str) -> str:
    text = value.strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("it has only letters, digits and signs. Copy it again")
    return text


def settings_table(part: DescriptionPart) -> type[TargetSettings]:
    """Return the table of one description's settings, `target` first and its address last."""
    fields: dict[str, Any] = {name: _declared(name, one) for name, one in part.settings.items()}
    made = create_model(f"Settings_{part.target}", __base__=TargetSettings, **fields)
    made.__doc__ = f"What {part.title} asks for."
    in_order = dict(made.model_fields)
    in_order["base_url"] = in_order.pop("base_url")
    in_order = {"target": in_order.pop("target"), **in_order}
    made.model_fields.clear()
    made.model_fields.update(in_order)
    return cast("type[TargetSettings]", made)


def _declared(name: str, part: SettingPart) -> tuple[Any, Any]:
    choices = tuple(part.choices)
    kind: Any = (
        Literal[choices]
        if choices
        else Annotated[str, AfterValidator(_address if part.address else _fit_to_send)]
    )
    declared = field(
        part.title or name.replace("_", " ").capitalize(),
        part.help,
        default=... if part.default is None else part.default,
        secret=part.secret,
        choices=choices,
        advanced=part.advanced,
    )
    return (Annotated[kind, Field(repr=False)] if part.secret else kind), declared


def as_read(part: DescriptionPart, settings: Any) -> Mapping[str, str]:
    """Return the settings as templates read them: a choice that stands for something is that."""
    values: dict[str, str] = {}
    for name, one in part.settings.items():
        value = str(getattr(settings, name))
        values[name] = one.choices.get(value, value) if isinstance(one.choices, dict) else value
    return values
