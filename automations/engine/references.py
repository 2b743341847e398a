"""Settings of a connection that are read from the environment at use: the text `env:NAME` stands for them.

They keep a secret out of the database where the environment already has it, from a secret store say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from automations.errors import CredentialsError, InputError

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)\Z")


def among(values: Mapping[str, Any]) -> dict[str, str]:
    """Return those of the values that are references."""
    return {key: value for key, value in values.items() if isinstance(value, str) and _REFERENCE.match(value)}


def read(values: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values with each reference replaced, and the names of those whose variable is not set."""
    variables = {key: text.removeprefix("env:") for key, text in among(values).items()}
    known = {key: os.environ[name] for key, name in variables.items() if name in os.environ}
    return {**values, **known}, frozenset(variables.keys() - known.keys())


def resolved(values: Mapping[str, Any], connection: str) -> dict[str, Any]:
    """Return the values with every reference replaced.

    Raises CredentialsError naming the variable that is not set: the connection then waits, and its work with it.
    """
    found, unset = read(values)
    for key in sorted(unset):
        name = str(values[key]).removeprefix("env:")
        raise CredentialsError(
            f"{connection!r} reads its {key} from the environment variable {name}, which is not set. Set it where "
            "the app runs, start the app again, and test the connection."
        )
    return found


def refuse_new(given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Raise InputError when `given` brings a reference that does not stand there already.

    stored: the plain settings. A secret is never given back, and one that is could go to another host.
    """
    for key, value in among(given).items():
        if stored.get(key) != value:
            raise InputError(
                f"{key}: a value that is read from the environment ({value}) can be set only on the machine, with "
                "`automations connection add`.",
                code=f"setting.{key}",
            )
