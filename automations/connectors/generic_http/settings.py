"""What a person gives to call an HTTP service."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from automations.engine.contracts import ConnectionSettings, field

_BASE_URL: Final = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?\Z")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NEEDED: Final = {
    "basic": ("username",),
    "bearer": ("token",),
    "header": ("header_name", "token"),
}
_TITLES: Final = {"username": "a user name", "token": "a token", "header_name": "the header's name"}


class HttpSettings(ConnectionSettings):
    """An address, and how calls to it prove who they are. Credentials go to that address and to no other."""

    base_url: str = field(
        "Address",
        "Steps then give a path under it, such as `/orders`. Empty: each step names its own whole address.",
        default="",
    )
    auth: Literal["none", "basic", "bearer", "header"] = field(
        "Credentials",
        "`basic`: user name and password. `bearer`: a token. `header`: a token in a header of its own name.",
        default="none",
        choices=("none", "basic", "bearer", "header"),
    )
    username: Annotated[str, Field(repr=False)] = field("User name", "For `basic`.", default="", secret=True)
    password: Annotated[str, Field(repr=False)] = field("Password", "For `basic`.", default="", secret=True)
    token: Annotated[str, Field(repr=False)] = field(
        "Token", "For `bearer` and `header`.", default="", secret=True
    )
    header_name: str = field("Header", "For `header`, such as `X-Api-Key`.", default="")

    @field_validator("base_url")
    @classmethod
    def _only_an_address(cls, value: str) -> str:
        text = value.strip().rstrip("/")
        if text and not _BASE_URL.match(text):
            raise ValueError(f"{value!r} is no address. Give one such as https://api.example.com/v2")
        return text

    @field_validator("header_name")
    @classmethod
    def _a_header(cls, value: str) -> str:
        text = value.strip()
        if text and not _TOKEN.match(text):
            raise ValueError(f"{value!r} is no name of a header. Give one such as X-Api-Key")
        return text

    @field_validator("token", "password", "username")
    @classmethod
    def _fit_for_a_header(cls, value: str) -> str:
        text = value.strip()
        if not text.isprintable():
            raise ValueError("it holds characters that cannot be sent. Copy it again")
        return text

    @model_validator(mode="after")
    def _whole(self) -> HttpSettings:
        for name in _NEEDED.get(self.auth, ()):
            if not getattr(self, name):
                raise ValueError(f"{self.auth!r} credentials need {_TITLES[name]}. Give it")
        if self.auth != "none" and not self.base_url:
            # A step's address may hold what an event brought; with it a sender could collect the credentials.
            raise ValueError("credentials are only sent to one place. Give the address that they belong to")
        return self
