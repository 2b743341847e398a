"""The fields of a step or trigger as inputs of a form, made from the class that declares them, and read back.

A field is one input, rows of name and value (an object), or rows of values (a list). What no row can show stands
as JSON in its input, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from automations.engine.conversion import type_words
from automations.web import leaf_text
from automations.web.field_views import POLICIES, FieldView, LeafView, RowView
from automations.web.form_names import children, decoded, encoded, indexes, joined


def view_fields(
    table: type[BaseModel] | None,
    values: Mapping[str, Any],
    missing: Mapping[str, Any],
    name: str,
    path: str,
    *,
    policies: bool = True,
) -> list[FieldView]:
    """Return a view of every declared field, in its order, then of what is mapped without being declared."""
    declared = table.model_fields if table is not None else {}
    views = [_view(key, info, values, missing, name, path, policies) for key, info in declared.items()]
    for key in values:
        if key not in declared:
            views.append(_view(key, None, values, missing, name, path, policies))
    return views


def _view(
    key: str, info: FieldInfo | None, values: Mapping[str, Any], missing: Mapping[str, Any], name: str,
    path: str, policies: bool,
) -> FieldView:  # fmt: skip
    view = FieldView(joined(name, encoded(key)), f"{path}.{key}", key, key, known=info is not None)
    if info is not None:
        _describe(view, info)
    view.mapped = key in values
    value = values.get(key)
    maker = _Leaves(missing if policies else {}, policies)
    if view.mapped and isinstance(value, dict) and _has_plain_keys(value):
        view.shape = "rows"
        view.rows = maker.rows(view, value)
    elif view.mapped and isinstance(value, list) and (view.takes_rows == "items" or not view.known):
        view.shape = "items"
        view.items = maker.items(view, value)
    elif not view.mapped and view.takes_rows == "rows":
        view.shape = "rows"
    elif (
        not view.mapped
        and view.takes_rows == "items"
        and info is not None
        and str not in _options(info.annotation)
    ):
        view.shape = "items"
    else:
        view.leaf = maker.leaf(view.name, key, value, mapped=view.mapped)
        if view.choices and not _is_template(value) and view.leaf.kind != leaf_text.JSON:
            view.shape = "choice"
            if not view.mapped and info is not None:
                view.leaf.kind = leaf_text.TEXT if _choices_are_texts(info) else leaf_text.AUTO
    return view


class _Leaves:
    def __init__(self, missing: Mapping[str, Any], policies: bool) -> None:
        self._missing = missing
        self._policies = policies

    def leaf(self, name: str, path: str, value: Any, *, mapped: bool = True, auto: bool = False) -> LeafView:
        text, kind = leaf_text.as_text(value, auto=auto) if mapped else ("", leaf_text.TEXT)
        if auto and value == "":
            text, kind = "", leaf_text.AUTO
        view = LeafView(name, path, text, kind, has_policy=self._policies)
        policy = self._missing.get(path)
        if isinstance(policy, dict) and set(policy) == {"default"}:
            view.policy = "default"
            view.fallback, view.fallback_kind = leaf_text.as_text(policy["default"], auto=True)
            if policy["default"] == "":
                view.fallback, view.fallback_kind = "", leaf_text.TEXT
        elif isinstance(policy, str) and policy in POLICIES:
            view.policy = policy
        return view

    def rows(self, view: FieldView, value: Mapping[str, Any]) -> list[RowView]:
        found = []
        for index, (key, inner) in enumerate(value.items()):
            name = joined(view.name, "rows", index)
            leaf = self.leaf(f"{name}/value", f"{view.key}.{key}", inner, auto=True)
            found.append(RowView(name, key, leaf))
        return found

    def items(self, view: FieldView, value: list[Any]) -> list[LeafView]:
        return [
            self.leaf(joined(view.name, "items", index, "value"), f"{view.key}.{index}", inner, auto=True)
            for index, inner in enumerate(value)
        ]


def _describe(view: FieldView, info: FieldInfo) -> None:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    choices = extra.get("choices")
    view.title = info.title or view.key.replace("_", " ").capitalize()
    view.help = info.description or ""
    view.required = info.is_required()
    view.one_of = str(extra.get("one_of") or "")
    view.wanted = type_words(info.annotation)
    view.multiline = bool(extra.get("multiline"))
    view.advanced = bool(extra.get("advanced"))
    view.directory = choices if isinstance(choices, str) else ""
    options = _options(info.annotation)
    if isinstance(choices, list) and choices:
        view.choices = [(str(choice), str(choice).replace("_", " ")) for choice in choices]
    elif set(options) - {type(None)} == {bool}:
        view.choices = [("true", "yes"), ("false", "no")]
    view.usual = (
        {True: "yes", False: "no"}.get(info.default, info.default) if info.default in (True, False) else ""
    )
    if isinstance(info.default, str):
        view.usual = info.default.replace("_", " ")
    origins = {get_origin(option) or option for option in options}
    view.takes_rows = "rows" if dict in origins else "items" if list in origins else ""


def _options(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of an annotation, `None` among them."""
    if get_origin(annotation) in (list, dict, Literal, None):
        return (annotation,)
    return tuple(option for argument in get_args(annotation) for option in _options(argument))


def _choices_are_texts(info: FieldInfo) -> bool:
    literals = [option for option in _options(info.annotation) if get_origin(option) is Literal]
    return bool(literals) and all(isinstance(value, str) for one in literals for value in get_args(one))


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _has_plain_keys(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) and "\n" not in key and leaf_text.is_plain(key) for key in value)


# -- reading --------------------------------------------------------------------------------------


def read_fields(form: Mapping[str, str], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values and the missing-value policies that the inputs under `name` mean."""
    values: dict[str, Any] = {}
    missing: dict[str, Any] = {}
    for part in children(form, name):
        key, here = decoded(part), joined(name, part)
        shape = form.get(f"{here}/shape")
        if shape == "rows":
            values[key] = _read_rows(form, here, key, missing)
        elif shape == "items":
            values[key] = _read_items(form, here, key, missing)
        elif form.get(here):
            values[key] = leaf_text.from_text(form[here], form.get(f"{here}~", leaf_text.TEXT))
        if shape is None and here in form:
            _read_policy(form, here, key, missing)
    return values, missing


def _read_rows(form: Mapping[str, str], name: str, key: str, missing: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index in indexes(form, f"{name}/rows"):
        row = joined(name, "rows", index)
        called = _free_key(form.get(f"{row}/key", ""), found)
        found[called] = leaf_text.from_text(
            form.get(f"{row}/value", ""), form.get(f"{row}/value~", leaf_text.AUTO)
        )
        _read_policy(form, f"{row}/value", f"{key}.{called}", missing)
    return found


def _free_key(wanted: str, taken: Mapping[str, Any]) -> str:
    """Two rows of one name would lose one of them; the later gets a number."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} ({number})", number + 1
    return name


def _read_items(form: Mapping[str, str], name: str, key: str, missing: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for index in indexes(form, f"{name}/items"):
        item = joined(name, "items", index, "value")
        found.append(leaf_text.from_text(form.get(item, ""), form.get(f"{item}~", leaf_text.AUTO)))
        _read_policy(form, item, f"{key}.{len(found) - 1}", missing)
    return found


def _read_policy(form: Mapping[str, str], name: str, path: str, missing: dict[str, Any]) -> None:
    policy = form.get(f"{name}/missing", "")
    if policy == "default":
        kind = form.get(f"{name}/default~", leaf_text.AUTO)
        missing[path] = {"default": leaf_text.from_text(form.get(f"{name}/default", ""), kind)}
    elif policy in POLICIES and policy:
        missing[path] = policy
