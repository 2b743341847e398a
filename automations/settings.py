"""Settings of one installation: the environment (prefix `AUTOMATIONS_`) and `instance/settings.env`.

The environment wins over the file. Every name here stands in the README's table; a test compares them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from automations.errors import SettingsError
from automations.instance import instance_folder, unusable

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB)?\s*$", re.IGNORECASE)
_UNIT = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _spare_cores() -> int:
    return max(1, (os.cpu_count() or 2) - 1)


class Settings(BaseSettings):
    """What an operator may set; the descriptions are the reference."""

    model_config = SettingsConfigDict(env_prefix="AUTOMATIONS_", extra="ignore")

    instance: Path = Field(
        default=Path("instance"), description="Folder of the database, keys and logs; made 0700."
    )
    database_url: str = Field(
        default="",
        description="Empty: SQLite in the instance folder. Or `postgresql+psycopg://…`, which scales out.",
    )
    queue_url: str = Field(
        default="",
        description="Where wake-ups travel. Empty: a file in the instance folder, or the PostgreSQL database. Or `redis://…`.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="How the outside reaches this app; used for webhooks."
    )
    secret_keys: SecretStr | None = Field(
        default=None, description="Comma list of Fernet keys, newest first. Unset: a key file is made."
    )
    allowed_networks: str = Field(
        default="", description="Private or loopback networks (CIDR, commas) that outgoing calls may reach."
    )
    disk_budget: str = Field(default="5GB", description="Upper bound of what history may take.")
    retention_days: int = Field(
        default=30, ge=1, le=3650, description="Days that history is kept; parked work stays."
    )
    loop_depth: int = Field(
        default=5,
        ge=0,
        le=50,
        description="Runs that may follow from each other's writes before a circle is cut.",
    )
    loop_runs: int = Field(
        default=20,
        ge=2,
        le=100_000,
        description="Runs of one recipe for one record in ten minutes; more hold it back.",
    )
    workers: int = Field(
        default_factory=_spare_cores, ge=1, le=64, description="Worker processes of `serve`."
    )

    @field_validator("allowed_networks")
    @classmethod
    def _networks_parse(cls, value: str) -> str:
        for part in filter(None, (p.strip() for p in value.split(","))):
            ipaddress.ip_network(part)
        return value

    @field_validator("disk_budget")
    @classmethod
    def _size_parses(cls, value: str) -> str:
        if not _SIZE.match(value):
            raise ValueError("write a number and B, KB, MB, GB or TB, such as 5GB")
        return value

    @property
    def networks(self) -> list[str]:
        return [p.strip() for p in self.allowed_networks.split(",") if p.strip()]

    @property
    def disk_budget_bytes(self) -> int:
        match = _SIZE.match(self.disk_budget)
        assert match is not None
        return int(float(match[1]) * _UNIT[(match[2] or "B").upper()])

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.instance.absolute() / 'automations.db'}"

    @property
    def on_sqlite(self) -> bool:
        return self.resolved_database_url.startswith("sqlite")

    @property
    def resolved_queue_url(self) -> str:
        if self.queue_url or not self.on_sqlite:
            return self.queue_url or self.resolved_database_url
        return f"sqlite:///{self.instance.absolute() / 'queue.db'}"


def load_settings(instance: Path | None = None) -> Settings:
    """Return the settings in force and make the instance folder (0700).

    instance: overrides the environment, for commands that name a folder.
    Raises SettingsError naming the setting and what is wrong with it.
    """
    folder = instance_folder(instance)
    env_file = folder / "settings.env"
    try:
        settings = Settings(_env_file=env_file if env_file.exists() else None, instance=folder)
    except ValidationError as error:
        first = error.errors()[0]
        name = "AUTOMATIONS_" + str(first["loc"][0]).upper()
        raise SettingsError(
            f"The setting {name} is wrong: {first['msg']}. Change it and start again."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The file {env_file} is no UTF-8 text. Write it again.") from error
    except OSError as error:
        raise unusable(folder, error) from error
    return settings
