"""One thing that `automations doctor` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """state: `ok`, `warning` or `failed`. fact: what was seen. advice: the next move; empty when all is well."""

    check: str
    state: str
    fact: str
    advice: str = ""
