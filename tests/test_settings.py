"""Settings: the environment over the file over the defaults, and each mistake told by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from automations.errors import SettingsError
from automations.settings import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("AUTOMATIONS_"):
            monkeypatch.delenv(name)


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.env").write_text("AUTOMATIONS_RETENTION_DAYS=7\nAUTOMATIONS_WORKERS=3\n")
    monkeypatch.setenv("AUTOMATIONS_WORKERS", "2")
    settings = load_settings(tmp_path)
    assert (settings.retention_days, settings.workers, settings.disk_budget) == (7, 2, "5GB")


def test_the_folder_is_made_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATIONS_INSTANCE", str(tmp_path / "a" / "b"))
    settings = load_settings()
    assert settings.instance == tmp_path / "a" / "b"
    assert settings.instance.stat().st_mode & 0o777 == 0o700


def test_database_and_queue_stand_in_the_folder_where_nothing_else_is_said(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.on_sqlite
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/automations.db"
    assert settings.resolved_queue_url == f"sqlite:///{tmp_path}/queue.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETENTION_DAYS", "0"),
        ("RETENTION_DAYS", "many"),
        ("WORKERS", "65"),
        ("WORKERS", "-1"),
        ("ALLOWED_NETWORKS", "127.0.0.1/33"),
        ("ALLOWED_NETWORKS", "localhost"),
        ("DISK_BUDGET", "much"),
        ("DISK_BUDGET", "-5GB"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"AUTOMATIONS_{name}", value)
    with pytest.raises(SettingsError, match=f"AUTOMATIONS_{name} is wrong"):
        load_settings(tmp_path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_bytes(b"AUTOMATIONS_WORKERS=\xff\xfe")
    with pytest.raises(SettingsError, match=r"settings\.env"):
        load_settings(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SettingsError, match="taken"):
        load_settings(tmp_path / "taken")


def test_a_secret_key_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATIONS_SECRET_KEYS", "very-secret-key")
    assert "very-secret-key" not in repr(load_settings(tmp_path))


@pytest.mark.parametrize(
    ("text", "count"), [("5GB", 5 * 10**9), ("1.5 kb", 1_500), ("200", 200), ("2tb", 2 * 10**12)]
)
def test_sizes_are_read_as_people_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, count: int
) -> None:
    monkeypatch.setenv("AUTOMATIONS_DISK_BUDGET", text)
    assert load_settings(tmp_path).disk_budget_bytes == count
