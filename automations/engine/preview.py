"""What the builder shows while somebody types: every field's value, type or mistake, on one sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.engine.conditions import judge, parse_condition
from automations.engine.context import Envelope, build_context, with_item
from automations.engine.contracts import Action, JsonObject, Occurrence
from automations.engine.conversion import convert, type_words, value_words
from automations.engine.mapping import policy_for, walk_leaves
from automations.engine.registry import Registry
from automations.engine.renderer import RenderPool
from automations.errors import AutomationError


class Previews:
    """Templates of strangers are rendered in the guarded worker process, never in this one."""

    def __init__(self, registry: Registry, pool: RenderPool) -> None:
        self._registry = registry
        self._pool = pool

    def context(self, occurrence: Occurrence, *, steps: Mapping[str, Any] | None = None, trigger: str = "",
                connection: str = "") -> JsonObject:  # fmt: skip
        """Return what templates read, for the tree of the sample and for `field`."""
        envelope = Envelope(
            id=0, trigger=trigger, connection=connection, occurred_at=occurrence.occurred_at,
            received_at=occurrence.occurred_at,
        )  # fmt: skip
        found = self._registry.triggers.get(trigger)
        kind = self._registry.kinds[found.connection.kind] if found else None
        return build_context(
            occurrence, envelope, names=kind.names(occurrence) if kind else None, steps=steps
        )

    def fields(
        self,
        action: Action,
        fields: Mapping[str, Any],
        missing: Mapping[str, Any],
        context: Mapping[str, Any],
        *,
        in_loop: bool = False,
    ) -> dict[str, JsonObject]:
        """Return one line a leaf, by its dotted name: `{state, value, type, message, wanted}`.

        state: `value`, `left_out`, `null`, `default` or `error`. message: what a person reads beside it.
        """
        leaves = list(walk_leaves(dict(fields)))
        seen = with_item(context, None, 0, 1) if in_loop else dict(context)
        results = self._pool.preview([source for _, source in leaves], seen)
        return {
            ".".join(str(part) for part in path): self._line(action, missing, path, source, result)
            for (path, source), result in zip(leaves, results, strict=True)
        }

    def _line(
        self,
        action: Action,
        missing: Mapping[str, Any],
        path: tuple[str | int, ...],
        source: Any,
        result: Mapping[str, Any],
    ) -> JsonObject:
        info = action.Fields.model_fields.get(str(path[0]))
        wanted = type_words(info.annotation) if info is not None and len(path) == 1 else "a value"
        if "error" in result:
            return _line("error", wanted=wanted, message=str(result["error"].get("message", "")))
        value = result.get("value")
        if result.get("missing") or (value is None and source is not None):
            return self._missing_line(policy_for(action, missing, path), wanted)
        if info is not None and len(path) == 1:
            try:
                value = convert(value, info.annotation)
            except ValueError:
                return _line(
                    "error",
                    value=value,
                    wanted=wanted,
                    message=f"This is {value_words(value)}; the field wants {wanted}.",
                )
        return _line("value", value=value, wanted=wanted)

    def _missing_line(self, policy: Any, wanted: str) -> JsonObject:
        if isinstance(policy, dict):
            return _line(
                "default", value=policy["default"], wanted=wanted, message="empty here; the default is sent"
            )
        if policy == "null":
            return _line("null", wanted=wanted, message="empty here; null is sent, which clears it")
        if policy == "skip":
            return _line("left_out", wanted=wanted, message="empty here; left out")
        return _line("error", wanted=wanted, message="Empty in this record, and the field is required.")

    def conditions(self, tree: Any, context: Mapping[str, Any]) -> JsonObject:
        """Return `{passed, lines: [{path, passed, sentence, left}], error}` of an `only_if` on this sample."""
        if tree in (None, "", {}, []):
            return {"passed": True, "lines": [], "error": ""}
        try:
            judgement = judge(parse_condition(tree), context, previous=context.get("previous"))
        except AutomationError as error:
            return {"passed": False, "lines": [], "error": error.message}
        lines = [
            {"path": r.path, "passed": r.passed, "sentence": r.sentence, "left": r.left}
            for r in judgement.why
        ]
        return {"passed": judgement.passed, "lines": lines, "error": ""}


def _line(state: str, *, value: Any = None, wanted: str = "", message: str = "") -> JsonObject:
    shown = value_words(value) if state in ("value", "default") else ""
    return {"state": state, "value": value, "type": shown, "message": message, "wanted": wanted}
