"""The wrapper around every filter and test: it pays, lets missing values through, and bounds the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import pass_context

from automations.engine.templating.context import GuardedContext
from automations.engine.templating.documented import FilterDoc
from automations.engine.templating.missing import MISSING, AbsentPartError
from automations.engine.templating.operators import refuse_unknown
from automations.engine.templating.values import bounded
from automations.errors import MappingError


def guarded_filter(doc: FilterDoc) -> Callable[..., Any]:
    """Return the filter as Jinja calls it."""
    apply, cures, needs_context = doc.apply, doc.cures_missing, doc.needs_context
    walks_through, extra = doc.walks_through, doc.steps - 1

    @pass_context
    def run(context: GuardedContext, value: Any, /, *arguments: Any, **named: Any) -> Any:
        budget = context.budget
        if extra:
            budget.spend(extra)
        for given in (value, *arguments, *named.values()):
            if given is None or given is MISSING:
                if not cures:
                    return MISSING
            else:
                refuse_unknown(given)
                (budget.look_through if walks_through else budget.look_at)(given)
        try:
            if needs_context:
                return bounded(apply(context, value, *arguments, **named))
            return bounded(apply(value, *arguments, **named))
        except (TypeError, AbsentPartError):
            raise MappingError(
                f"'{doc.name}' is written {doc.signature} and cannot take these values."
            ) from None

    return run


def guarded_test(doc: FilterDoc) -> Callable[..., bool]:
    """Return the test as Jinja calls it; a missing value answers no unless the test is about missing."""
    apply, about_missing, needs_context = doc.apply, doc.cures_missing, doc.needs_context

    @pass_context
    def run(context: GuardedContext, value: Any, /, *arguments: Any) -> bool:
        context.budget.look_at(value)
        if not about_missing:
            for given in (value, *arguments):
                refuse_unknown(given)
            if value is None or value is MISSING:
                return False
        leading = (context, value) if needs_context else (value,)
        try:
            return bool(apply(*leading, *arguments))
        except TypeError:
            raise MappingError(f"'is {doc.name}' cannot take these values.") from None

    return run
