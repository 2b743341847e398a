"""OAuth 2, authorization code: Authlib forms the calls and reads the answers, the door makes them.

So the network policy, the time limits and the masking of every other call hold here, too. Secrets travel in the
body and in the Basic header, never in an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client

from automations.engine.contracts import DoorLike, DoorMode, JsonObject, OAuth
from automations.engine.grants import GrantEndedError
from automations.errors import CredentialsError, RejectedError

OpenDoor = Callable[[str, DoorMode, tuple[str, ...], frozenset[str]], DoorLike]

_READ_HERE = frozenset({400, 401, 403})
_FORM = "application/x-www-form-urlencoded;charset=UTF-8"
_NOT_THE_APP = frozenset({"invalid_client", "unauthorized_client", "status_401", "status_403"})
_OUR_MISTAKE = frozenset({"invalid_request", "unsupported_grant_type", "invalid_scope", "status_200"})


class OAuthCalls:
    """Makes the calls of `engine.grants.TokenCalls`. open_door: opens one for a name, secrets and hosts."""

    def __init__(self, open_door: OpenDoor) -> None:
        self._open_door = open_door

    def address(self, oauth: OAuth, redirect_uri: str, state: str) -> str:
        client = OAuth2Client(None, oauth.client_id, redirect_uri=redirect_uri)
        scope = {"scope": " ".join(oauth.scopes)} if oauth.scopes else {}
        address, _ = client.create_authorization_url(oauth.authorize_url, state=state, **scope)
        return str(address)

    def exchange(self, oauth: OAuth, connection: str, code: str, redirect_uri: str) -> JsonObject:
        client = self._client(oauth, connection, (code,))
        return _told(
            lambda: client.fetch_token(
                oauth.token_url, grant_type="authorization_code", code=code, redirect_uri=redirect_uri
            )
        )

    def refresh(self, oauth: OAuth, connection: str, refresh_token: str) -> JsonObject:
        client = self._client(oauth, connection, (refresh_token,))
        return _told(lambda: client.refresh_token(oauth.token_url, refresh_token=refresh_token))

    def revoke(self, oauth: OAuth, connection: str, token: str) -> None:
        if oauth.revoke_url:
            client = self._client(oauth, connection, (token,))
            client.revoke_token(oauth.revoke_url, token=token, token_type_hint="refresh_token")  # noqa: S106

    def _client(self, oauth: OAuth, connection: str, secrets: tuple[str, ...]) -> OAuth2Client:
        hosts = {urlsplit(url).netloc.lower() for url in (oauth.token_url, oauth.revoke_url) if url}
        door = self._open_door(
            f"{connection} (sign-in)", DoorMode.LIVE, (oauth.client_secret, *secrets), frozenset(hosts)
        )
        return OAuth2Client(_Session(door), oauth.client_id, oauth.client_secret)


class _Session:
    """The little of a session that Authlib asks for, by our door."""

    def __init__(self, door: DoorLike) -> None:
        self._door = door

    def post(
        self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth
    ) -> _Answer:
        url, given, body = auth.prepare("POST", url, dict(headers), urlencode(dict(data)))
        # A token call changes no record, and refreshing twice is the same as once: nothing is in doubt afterwards.
        reply = self._door.send(
            "POST",
            url,
            effect="read",
            headers={
                name: value
                for name, value in given.items()
                if name.lower() not in ("content-length", "content-type")
            },
            content=body,
            content_type=_FORM,
            accept=_READ_HERE,
        )
        return _Answer(reply)


class _Answer:
    """A reply as Authlib reads it."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply
        self.status_code = int(reply.status)

    def raise_for_status(self) -> None:
        """Statuses from 500 on never come this far: the door has raised."""

    def json(self) -> Any:
        body = self._reply.json()
        if isinstance(body, dict) and (self.status_code < 400 or isinstance(body.get("error"), str)):
            return body
        raise OAuth2Error(error=f"status_{self.status_code}")


def _told(call: Callable[[], Any]) -> JsonObject:
    """Return the token endpoint's answer. Raises GrantEndedError, CredentialsError, DeliveryError."""
    try:
        said = call()
    except OAuth2Error as error:
        if error.error in _NOT_THE_APP:
            raise CredentialsError(
                "The sign-in refused the client id or the client secret. Copy both again from the app's page there."
            ) from None
        if error.error in _OUR_MISTAKE:
            raise RejectedError(
                f"The sign-in was refused ({error.error}). Press Connect and try again.",
                code=str(error.error),
            ) from None
        # Not every server keeps to the standard's words, but a 400 without a mistake of ours leaves only this.
        raise GrantEndedError("The permission is not valid any more. Connect again.") from None
    return dict(said)
