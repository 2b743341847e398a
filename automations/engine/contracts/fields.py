"""How a field is declared, once, for forms, checks, reference and typed values alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as PydanticField

JsonObject = dict[str, Any]


def field(
    title: str,
    help: str = "",
    *,
    default: Any = ...,
    suggest: str = "",
    secret: bool = False,
    choices: Sequence[str] | str = (),
    multiline: bool = False,
    advanced: bool = False,
    one_of: str = "",
    expression: bool = False,
    address: bool = False,
) -> Any:
    """Declare one field of an action, trigger or connection.

    title, help: what a person reads. default: leave out for a required field.
    suggest: the template offered when the step is new. choices: fixed values, or the name of a connector's
    directory list (such as `stages`) that the form offers. one_of: fields with the same word here are
    alternatives, at least one of which must be mapped. expression: the text is for the action to evaluate over
    what it knows (such as `reply`), not a template of the recipe; braces around it are taken off. address: the text
    is a web address, in which each template is percent-encoded.
    """
    return PydanticField(
        default=default,
        title=title,
        description=help,
        json_schema_extra={
            "suggest": suggest,
            "secret": secret,
            "choices": list(choices) if not isinstance(choices, str) else choices,
            "multiline": multiline,
            "advanced": advanced,
            "one_of": one_of,
            "expression": expression,
            "address": address,
        },
    )


class Fields(BaseModel):
    """Base of every field table. Unknown names are refused; values arrive already typed."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


class ActionFields(Fields):
    """What an action takes: a field that the author did not map is absent from `model_fields_set`."""

    def mapped(self) -> JsonObject:
        """Return what the author mapped and nothing else; a mapped null stays null (clear it)."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TriggerFields(Fields):
    """How a trigger may be narrowed; every field is optional."""


class ConnectionSettings(Fields):
    """What a person gives to connect an account; fields declared `secret=True` are stored encrypted."""

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        return frozenset(
            name
            for name, info in cls.model_fields.items()
            if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("secret")
        )
