"""What a person gives to connect a CleverTap account."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from automations.engine.contracts import ConnectionSettings, field

# Source: CleverTap, "Common API Components" (2025-12-14), read 2026-11-22.
REGION_HOSTS: Final = {
    "eu": "api.clevertap.com",
    "in1": "in1.api.clevertap.com",
    "sg1": "sg1.api.clevertap.com",
    "us1": "us1.api.clevertap.com",
    "aps3": "aps3.api.clevertap.com",
    "mec1": "mec1.api.clevertap.com",
}
_BASE_URL: Final = re.compile(r"https?://[^/?#@\s]+\Z")


class ClevertapSettings(ConnectionSettings):
    """An account, its passcode, and where the account lives."""

    account_id: Annotated[str, Field(repr=False)] = field(
        "Account ID", "In CleverTap: Settings, Project: the Project ID.", secret=True
    )
    passcode: Annotated[str, Field(repr=False)] = field(
        "Passcode", "In CleverTap: Settings, Passcode. Not the token of the mobile SDK.", secret=True
    )
    region: Literal["eu", "in1", "sg1", "us1", "aps3", "mec1"] = field(
        "Region",
        "The first part of your dashboard's address; `eu1` is `eu`.",
        default="eu",
        choices=tuple(REGION_HOSTS),
    )
    base_url: str = field(
        "Address instead of the region",
        "For a sandbox or a proxy, such as http://127.0.0.1:8902. Wins over the region.",
        default="",
        advanced=True,
    )

    @field_validator("account_id", "passcode")
    @classmethod
    def _fit_for_a_header(cls, value: str) -> str:
        text = value.strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("it has only letters, digits and signs. Copy it again from CleverTap")
        return text

    @field_validator("base_url")
    @classmethod
    def _only_an_address(cls, value: str) -> str:
        text = re.sub(r"(/1(/upload)?)?/*\Z", "", value.strip())
        if text and not _BASE_URL.match(text):
            raise ValueError(
                f"{value!r} is no address. Give one such as http://127.0.0.1:8902, without a path"
            )
        return text

    @property
    def root(self) -> str:
        """Return the address under which `/1/upload` is, without a slash at its end."""
        return self.base_url or f"https://{REGION_HOSTS[self.region]}"

    @property
    def place(self) -> str:
        """Return where the account is looked for, in words."""
        return f"at {self.base_url}" if self.base_url else f"in the region {self.region}"
