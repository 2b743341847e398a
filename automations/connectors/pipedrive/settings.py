"""What a person gives to connect a Pipedrive account."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from automations.engine.contracts import ConnectionSettings, field

_DOMAIN = re.compile(r"[a-z0-9-]{1,63}\Z")
_BASE_URL = re.compile(r"https?://[^/?#@\s]+\Z")


class PipedriveSettings(ConnectionSettings):
    """A company and an API token, and how its records are found when a recipe does not say."""

    domain: str = field(
        "Company domain",
        "The first part of your Pipedrive address: `acme` in acme.pipedrive.com.",
        default="",
        one_of="address",
    )
    base_url: str = field(
        "Address instead of the domain",
        "For a sandbox or a proxy, such as http://127.0.0.1:8901. Wins over the domain.",
        default="",
        advanced=True,
        one_of="address",
    )
    auth: Literal["token", "oauth"] = field(
        "Sign in by",
        "`token`: an API token of one user. `oauth`: permission that a user gives to your app in Pipedrive.",
        default="token",
    )
    api_token: Annotated[str, Field(repr=False, validate_default=True)] = field(
        "API token",
        "In Pipedrive: Settings, Personal preferences, API. Leave empty with OAuth.",
        default="",
        secret=True,
    )
    client_id: Annotated[str, Field(validate_default=True)] = field(
        "Client id of your app", "For OAuth, from Pipedrive's Developer Hub.", default="", advanced=True
    )
    client_secret: Annotated[str, Field(repr=False, validate_default=True)] = field(
        "Client secret of your app",
        "For OAuth, from Pipedrive's Developer Hub.",
        default="",
        secret=True,
        advanced=True,
    )
    person_match_field: str = field(
        "Find persons by", "`id`, `email`, `phone`, `name`, or a custom field.", default="email"
    )
    organization_match_field: str = field(
        "Find organizations by", "`id`, `name`, or a custom field.", default="name"
    )
    deal_match_field: str = field("Find deals by", "`id`, `title`, or a custom field.", default="id")
    user_id_field: str = field(
        "Field that holds your own user id",
        "A custom field of persons, by label or key.",
        default="",
        advanced=True,
    )
    group_id_field: str = field(
        "Field that holds your own account id",
        "A custom field of organizations, by label or key.",
        default="",
        advanced=True,
    )
    mode: Literal["upsert", "update_only", "create_only"] = field(
        "What upserts may do", "Unless a step says otherwise.", default="upsert"
    )
    default_owner: str = field(
        "Owner of new records",
        "A user's id, e-mail or name. Leave empty for the user of the token.",
        default="",
        advanced=True,
    )

    @field_validator("domain")
    @classmethod
    def _only_the_company(cls, value: str) -> str:
        """Reduce what people paste (`acme.pipedrive.com`, a whole address) to the company's name."""
        text = value.strip().lower()
        if not text:
            return ""
        parts = urlsplit(text if "//" in text else f"//{text}")
        host = (parts.hostname or "").removesuffix(".pipedrive.com")
        if "@" in parts.netloc or not _DOMAIN.match(host):
            raise ValueError(f"{value!r} is no company domain. Give `acme` for acme.pipedrive.com")
        return host

    @field_validator("base_url")
    @classmethod
    def _only_an_address(cls, value: str) -> str:
        text = re.sub(r"(/api(/v[12])?)?/*\Z", "", value.strip())
        if text and not _BASE_URL.match(text):
            raise ValueError(
                f"{value!r} is no address. Give one such as http://127.0.0.1:8901, without a path"
            )
        return text

    @field_validator("api_token", "client_id", "client_secret")
    @classmethod
    def _fit_for_a_header(cls, value: str, info: ValidationInfo) -> str:
        text = value.strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("it has only letters, digits and signs. Copy it again from Pipedrive")
        needed_by = "token" if info.field_name == "api_token" else "oauth"
        if not text and info.data.get("auth") == needed_by:
            raise ValueError(f"is required to sign in by `{needed_by}`; give it")
        return text

    @model_validator(mode="after")
    def _somewhere(self) -> PipedriveSettings:
        if not (self.domain or self.base_url):
            raise ValueError("the company domain is missing. Give `acme` for acme.pipedrive.com")
        return self

    @property
    def root(self) -> str:
        """Return the address under which `/api/v1` and `/api/v2` are, without a slash at its end."""
        return self.base_url or f"https://{self.domain}.pipedrive.com"
