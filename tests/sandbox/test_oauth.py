"""The sandbox's OAuth server, as an app and a person meet it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api

BACK = "http://127.0.0.1:8000/connections/oauth/callback"
APP = ("sandbox-client", "sandbox-client-secret")
ASK = {"client_id": APP[0], "redirect_uri": BACK, "state": "s-71", "response_type": "code"}


@pytest.fixture
def person(api: Api):
    """A browser that is not signed in anywhere else."""
    with requests.Session() as session:
        yield session


def decide(api: Api, person: requests.Session, decision: str = "allow") -> dict[str, str]:
    """Answer the page as a person; returns what comes back with the browser."""
    page = person.get(f"{api.url}/oauth/authorize", params=ASK, timeout=10)
    assert page.status_code == 200, page.text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    sent = person.post(
        f"{api.url}/oauth/authorize",
        data={**form, "decision": decision},
        allow_redirects=False,
        timeout=10,
    )
    assert sent.status_code == 303, sent.text
    assert sent.headers["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["Location"]).query).items()}


def ask_token(api: Api, auth: tuple[str, str] = APP, **form: str) -> requests.Response:
    return requests.post(f"{api.url}/oauth/token", data=form, auth=auth, timeout=10)


def granted(api: Api, person: requests.Session) -> dict[str, object]:
    code = decide(api, person)["code"]
    answer = ask_token(api, grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.status_code == 200, answer.text
    return answer.json()


def call(api: Api, token: object, path: str = "/api/v1/users/me", method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, api.url + path, headers=headers, timeout=10)


def test_an_allowed_app_calls_with_its_token(pd: PipedriveSandbox, api: Api, person) -> None:
    assert decide(api, person)["state"] == "s-71"
    token = granted(api, person)
    assert set(token) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "api_domain"}
    assert (token["token_type"], token["api_domain"]) == ("Bearer", api.url)
    assert len(str(token["access_token"])) > 600
    assert call(api, token["access_token"]).json()["success"] is True
    assert str(token["access_token"]) not in str(pd.requests)
    assert str(token["refresh_token"]) not in str(pd.requests)


def test_a_person_may_say_no(api: Api, person) -> None:
    assert decide(api, person, "deny") == {"error": "user_denied", "state": "s-71"}


def test_the_page_lets_its_form_lead_back_to_the_app_only(api: Api, person) -> None:
    page = person.get(f"{api.url}/oauth/authorize", params=ASK, timeout=10)
    assert "form-action 'self' http://127.0.0.1:8000;" in page.headers["Content-Security-Policy"]
    wrong = person.get(f"{api.url}/oauth/authorize", params={**ASK, "client_id": "who"}, timeout=10)
    assert wrong.status_code == 400


def test_a_code_is_good_once_for_its_callback_and_five_minutes(
    pd: PipedriveSandbox, api: Api, person
) -> None:
    code = decide(api, person)["code"]
    first = ask_token(api, grant_type="authorization_code", code=code, redirect_uri=BACK)
    again = ask_token(api, grant_type="authorization_code", code=code, redirect_uri=BACK)
    elsewhere = decide(api, person)["code"]
    other = ask_token(api, grant_type="authorization_code", code=elsewhere, redirect_uri=f"{BACK}/x")
    assert [answer.status_code for answer in (first, again, other)] == [200, 400, 400]
    assert again.json()["error"] == "invalid_grant"
    late = decide(api, person)["code"]
    pd.oauth._now = lambda: datetime.now(UTC) + timedelta(minutes=6)
    assert ask_token(api, grant_type="authorization_code", code=late, redirect_uri=BACK).status_code == 400


def test_a_refresh_keeps_its_token_and_lengthens_its_life(pd: PipedriveSandbox, api: Api, person) -> None:
    token = granted(api, person)
    pd.oauth._now = lambda: datetime.now(UTC) + timedelta(days=59)
    assert call(api, token["access_token"]).status_code == 401
    fresh = ask_token(api, grant_type="refresh_token", refresh_token=str(token["refresh_token"])).json()
    assert fresh["refresh_token"] == token["refresh_token"]
    assert fresh["access_token"] != token["access_token"]
    assert call(api, fresh["access_token"]).status_code == 200
    pd.oauth._now = lambda: datetime.now(UTC) + timedelta(days=120)
    dead = ask_token(api, grant_type="refresh_token", refresh_token=str(token["refresh_token"]))
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")


def test_the_endpoint_is_strict(api: Api) -> None:
    assert ask_token(api, auth=("sandbox-client", "wrong"), grant_type="refresh_token").status_code == 401
    assert ask_token(api, grant_type="password").json()["error"] == "unsupported_grant_type"
    as_json = requests.post(f"{api.url}/oauth/token", json={"grant_type": "x"}, auth=APP, timeout=10)
    assert as_json.status_code == 400
    in_url = requests.post(
        f"{api.url}/oauth/token?refresh_token=x", data={"grant_type": "refresh_token"}, auth=APP, timeout=10
    )
    assert in_url.status_code == 400


def test_revoking_the_refresh_token_ends_everything(api: Api, person) -> None:
    token = granted(api, person)
    for _ in range(2):
        sent = requests.post(
            f"{api.url}/oauth/revoke", data={"token": token["refresh_token"]}, auth=APP, timeout=10
        )
        assert sent.status_code == 200
    assert call(api, token["access_token"]).status_code == 401
    refused = ask_token(api, grant_type="refresh_token", refresh_token=str(token["refresh_token"]))
    assert refused.status_code == 400


def test_what_is_outside_its_scopes_is_refused(pd: PipedriveSandbox, api: Api, person) -> None:
    pd.oauth.scopes = ("base", "deals:read")
    token = granted(api, person)["access_token"]
    assert call(api, token, "/api/v2/deals").status_code == 200
    assert call(api, token, "/api/v2/deals", "POST").json()["error"] == "Scope and URL mismatch"
    assert call(api, token, "/api/v1/webhooks").status_code == 403
    assert call(api, token, "/api/v2/persons").status_code == 403


def test_an_app_may_call_four_times_as_often(pd: PipedriveSandbox, api: Api, person) -> None:
    pd.burst_limit = 2
    token = granted(api, person)["access_token"]
    assert call(api, token, "/api/v2/deals").headers["x-ratelimit-limit"] == "8"
