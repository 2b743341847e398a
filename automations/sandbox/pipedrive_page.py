"""The sandbox Pipedrive for people: a board of deals, a form for a new one, and the registered webhooks."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from .errors import Refusal
from .page_basics import Csrf, amount, secure
from .render import as_v2
from .state import CURRENCIES, Actor, Record

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

_NEWS = {
    "created": "Deal created.",
    "moved": "Deal moved.",
    "won": "Deal won.",
    "lost": "Deal lost.",
    "open": "Deal reopened.",
    "changed": "Deal changed.",
    "deleted": "Deal deleted.",
}


def blueprint(pd: PipedriveSandbox) -> Blueprint:
    csrf = Csrf("sandbox_pipedrive_csrf")
    pages = _Pages(pd, csrf)
    views = Blueprint(
        "page", __name__, template_folder="pages", static_folder="pages/static", static_url_path="/static"
    )
    views.before_request(csrf.refuse_foreign_forms)
    views.after_request(secure)
    views.after_request(csrf.keep)
    views.add_app_template_filter(amount, "amount")
    views.add_url_rule("/", "home", pages.board)
    views.add_url_rule("/deals", "create", pages.create, methods=["POST"])
    views.add_url_rule("/deals/<int:deal_id>", "deal", pages.deal)
    views.add_url_rule("/deals/<int:deal_id>", "edit", pages.edit, methods=["POST"])
    views.add_url_rule("/deals/<int:deal_id>/move", "move", pages.move, methods=["POST"])
    views.add_url_rule("/deals/<int:deal_id>/status", "status", pages.close, methods=["POST"])
    views.add_url_rule("/deals/<int:deal_id>/delete", "delete", pages.delete, methods=["POST"])
    return views


class _Pages:
    """One method a page or form. A refused form is shown again with the reason."""

    def __init__(self, pd: PipedriveSandbox, csrf: Csrf) -> None:
        self._pd = pd
        self._csrf = csrf

    def board(self, error: str = "", status: int = 200) -> Response:
        with self._pd.account.lock:
            context = _board(self._pd)
        context["news"] = _NEWS.get(request.args.get("news", ""), "")
        page = render_template(
            "board.html", **context, error=error, form=request.form, csrf=self._csrf.token()
        )
        return make_response(page, status)

    def deal(self, deal_id: int, error: str = "", status: int = 200) -> Response:
        with self._pd.account.lock:
            deal = self._required(deal_id)
            context: dict[str, Any] = {"deal": _card(self._pd, deal), "fields": _rows(self._pd, deal)}
            context["pipelines"] = _pipelines(self._pd)
        page = render_template("deal.html", **context, error=error, csrf=self._csrf.token())
        return make_response(page, status)

    def create(self) -> BaseResponse:
        try:
            _create(self._pd)
        except Refusal as refusal:
            return self.board(refusal.body["error"], 400)
        return _home("created")

    def move(self, deal_id: int) -> BaseResponse:
        return self._change(deal_id, {"stage_id": request.form.get("stage_id", 0, type=int)}, "moved")

    def close(self, deal_id: int) -> BaseResponse:
        status = request.form.get("status", "")
        return self._change(deal_id, {"status": status}, status)

    def edit(self, deal_id: int) -> BaseResponse:
        form = request.form
        values = {"title": form.get("title", ""), "value": _number(form.get("value", ""))}
        return self._change(deal_id, values, "changed")

    def delete(self, deal_id: int) -> BaseResponse:
        self._required(deal_id)
        self._pd.writes.delete("deal", deal_id, Actor(self._pd.me, "app"))
        return _home("deleted")

    def _change(self, deal_id: int, values: dict[str, Any], news: str) -> BaseResponse:
        self._required(deal_id)
        try:
            self._pd.writes.update("deal", deal_id, values, Actor(self._pd.me, "app"))
        except Refusal as refusal:
            return self.deal(deal_id, refusal.body["error"], 400)
        return _home(news)

    def _required(self, deal_id: int) -> Record:
        record = self._pd.account.get("deal", deal_id)
        if record is None:
            abort(404)
        return record


def _home(news: str) -> BaseResponse:
    return redirect(url_for("page.home", news=news), 303)


def _number(text: str) -> float | int | str:
    """A number as typed, with either decimal sign; text that is none is left for the rules to refuse."""
    plain = text.strip().replace(",", ".") or "0"
    try:
        value = float(plain)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() else value


def _create(pd: PipedriveSandbox) -> None:
    form, actor = request.form, Actor(pd.me, "app")
    values: dict[str, Any] = {
        "title": form.get("title", ""),
        "value": _number(form.get("value", "")),
        "currency": form.get("currency", ""),
        "stage_id": form.get("stage_id", 0, type=int),
    }
    organization_id = form.get("org_id", type=int)
    if organization_id:
        values["org_id"] = organization_id
    person_id = form.get("person_id", type=int)
    with pd.account.lock:
        if not values["title"].strip():
            raise Refusal(400, {"error": "The deal needs a title."})
        if not person_id:
            person_id = _create_person(pd, actor, organization_id)
        if person_id:
            values["person_id"] = person_id
        pd.writes.create("deal", values, actor)


def _create_person(pd: PipedriveSandbox, actor: Actor, organization_id: int | None) -> int | None:
    name, email, phone = (request.form.get(key, "").strip() for key in ("person_name", "email", "phone"))
    if not (name or email or phone):
        return None
    values: dict[str, Any] = {"name": name or email or phone}
    if email:
        values["emails"] = [{"value": email}]
    if phone:
        values["phones"] = [{"value": phone}]
    if organization_id:
        values["org_id"] = organization_id
    person_id: int = pd.writes.create("person", values, actor)["id"]
    return person_id


def _board(pd: PipedriveSandbox) -> dict[str, Any]:
    cards = [_card(pd, row) for row in pd.account.live("deal") if not row["is_archived"]]
    pipelines = _pipelines(pd)
    for pipeline in pipelines:
        for stage in pipeline["stages"]:
            here = (card for card in cards if card["stage_id"] == stage["id"] and card["status"] == "open")
            stage["deals"] = sorted(here, key=lambda card: card["update_time"], reverse=True)
    closed = sorted(
        (card for card in cards if card["status"] != "open"),
        key=lambda card: card["close_time"],
        reverse=True,
    )
    return {
        "company": pd.company_name,
        "clevertap_url": pd.clevertap_page_url,
        "pipelines": pipelines,
        "closed": closed[:20],
        "persons": sorted(pd.account.live("person"), key=lambda row: str(row["name"]).lower()),
        "organizations": sorted(pd.account.live("organization"), key=lambda row: str(row["name"]).lower()),
        "currencies": [code for code, _, _ in CURRENCIES],
        "hooks": [_hook_row(pd, hook_id) for hook_id in pd.hooks.by_id],
    }


def _pipelines(pd: PipedriveSandbox) -> list[dict[str, Any]]:
    return [
        {
            "name": pipeline["name"],
            "stages": [
                {"id": row["id"], "name": row["name"], "deals": []}
                for row in pd.account.stages_of(pipeline["id"])
            ],
        }
        for pipeline in pd.account.live("pipeline")
    ]


def _card(pd: PipedriveSandbox, deal: Record) -> dict[str, Any]:
    tables = pd.account.tables
    person = tables["person"].get(deal["person_id"], {})
    organization = tables["organization"].get(deal["org_id"], {})
    stage = tables["stage"].get(deal["stage_id"], {})
    return {**deal, "person": person, "organization": organization, "stage": stage}


def _rows(pd: PipedriveSandbox, deal: Record) -> list[tuple[str, str]]:
    """What the REST API answers for this deal, as label and text."""
    shown = as_v2(pd.account, "deal", deal)
    rows = [(key, value) for key, value in shown.items() if key != "custom_fields"]
    for definition in pd.account.fields.custom("deal"):
        value = shown["custom_fields"][definition.code]
        if definition.type == "enum" and value is not None:
            value = f"{definition.option_label(value)} ({value})"
        rows.append((definition.name, value))
    return [(key, "—" if value in (None, "", []) else _plain(value)) for key, value in rows]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hook_row(pd: PipedriveSandbox, hook_id: int) -> dict[str, Any]:
    hook = pd.hooks.by_id[hook_id]
    parts = urlsplit(hook.subscription_url)
    # The last part of a hook's path is its secret.
    path = parts.path.rpartition("/")[0] + "/…"
    if hook.is_muted():
        state, word = "bad", "silent after ten failures"
    elif hook.last_http_status is not None and 200 <= hook.last_http_status < 300:
        state, word = "good", f"{hook.last_http_status}"
    elif hook.last_delivery_time is None:
        state, word = "none", "nothing sent yet"
    else:
        state, word = "bad", f"failed: {hook.last_http_status or 'no answer'}"
    return {
        "id": hook.id,
        "name": hook.name,
        "what": f"{hook.event_object}.{hook.event_action}",
        "version": hook.version,
        "address": f"{parts.scheme}://{parts.netloc}{path}",
        "at": hook.last_delivery_time,
        "state": state,
        "word": word,
    }
