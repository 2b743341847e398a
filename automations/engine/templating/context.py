"""What one render knows: the context it reads and the budget it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from jinja2.runtime import Context
from jinja2.utils import missing

from automations.engine.templating.budget import Budget
from automations.engine.templating.missing import MISSING
from automations.engine.templating.spelling import did_you_mean
from automations.errors import MappingError


class GuardedContext(Context):
    """Jinja's context without globals and blocks: names come from the mapping given, and nowhere else.

    value: what a template that is one expression gave; meaningless for a mixed text.
    """

    def __init__(self, environment: Any, names: Mapping[str, Any], *, keeps_value: bool) -> None:
        self.environment = environment
        self.parent = cast("dict[str, Any]", names)
        self.vars = {}
        self.exported_vars = set()
        self.name = None
        self.globals_keys = set()
        self.blocks = {}
        self.eval_ctx = environment.shared_eval_context
        self.budget = Budget()
        self.keeps_value = keeps_value
        self.value: Any = MISSING

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        return self.parent.get(key, missing)

    def apply_named(self, word: str, name: Any, value: Any, arguments: tuple[Any, ...]) -> Any:
        """Return what the filter or test called `name` makes of a value; word: `filter` or `test`."""
        table = cast(
            "Mapping[str, Callable[..., Any]]",
            self.environment.filters if word == "filter" else self.environment.tests,
        )
        if not isinstance(name, str) or name.startswith("_") or name not in table:
            wrong = name if isinstance(name, str) else "this"
            public = [known for known in table if not known.startswith("_")]
            raise MappingError(f"There is no {word} '{wrong[:60]}'.{did_you_mean(wrong, public)}")
        return table[name](self, value, *arguments)
