import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from automations.errors import SettingsError
from automations.model.sealing import KEY_FILE, Sealer

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = {"api_token": "t0ken-\N{SNOWMAN}", "password": ""}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def none_sealed() -> bool:
    return False


def never_asked() -> bool:
    raise AssertionError("asked although a key was found")


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_what_is_sealed_opens_unchanged_for_its_owner(owner: str, value: dict[str, str]) -> None:
    clean = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in value.items()
    }
    assert Sealer([NEW]).open(owner, Sealer([NEW]).seal(owner, clean)) == clean


def test_sealed_text_shows_neither_owner_nor_secret() -> None:
    sealed = Sealer([NEW]).seal("acme", SECRETS)
    assert "acme" not in sealed
    assert "t0ken" not in sealed


def test_sealed_value_copied_to_another_row_is_refused() -> None:
    sealed = Sealer([NEW]).seal("acme", SECRETS)
    with pytest.raises(SettingsError, match="another owner"):
        Sealer([NEW]).open("other", sealed)


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA", "ümlaut"])
def test_what_is_not_sealed_is_refused(sealed: str) -> None:
    with pytest.raises(SettingsError, match="cannot be decrypted"):
        Sealer([NEW]).open("acme", sealed)
    with pytest.raises(SettingsError, match="cannot be decrypted"):
        Sealer([NEW]).rotate(sealed)


def test_wrong_key_is_refused() -> None:
    sealed = Sealer([OLD]).seal("acme", SECRETS)
    with pytest.raises(SettingsError, match="'acme' cannot be decrypted"):
        Sealer([NEW]).open("acme", sealed)


def test_rotation_moves_to_the_newest_key_and_keeps_the_owner() -> None:
    sealed = Sealer([OLD]).seal("acme", SECRETS)
    rotated = Sealer([NEW, OLD]).rotate(sealed)
    assert Sealer([NEW]).open("acme", rotated) == SECRETS
    with pytest.raises(SettingsError):
        Sealer([OLD]).open("acme", rotated)


def test_bad_key_is_named_by_place_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="number 2") as caught:
        Sealer([NEW, "not-a-key-but-secret"])
    assert "not-a-key" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_no_keys_at_all_are_refused() -> None:
    with pytest.raises(SettingsError, match="no secret key"):
        Sealer([])


def test_first_start_makes_a_private_key_file_and_says_so(tmp_path: Path) -> None:
    first = Sealer.from_instance(tmp_path, None, sealed_rows_exist=none_sealed)
    assert first.created
    assert mode(tmp_path / KEY_FILE) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    second = Sealer.from_instance(tmp_path, "", sealed_rows_exist=never_asked)
    assert not second.created
    assert second.open("acme", first.seal("acme", SECRETS)) == SECRETS


def test_configured_keys_win_and_no_file_is_made(tmp_path: Path) -> None:
    sealer = Sealer.from_instance(tmp_path, f" {NEW} , {OLD} ", sealed_rows_exist=never_asked)
    assert sealer.open("acme", Sealer([OLD]).seal("acme", SECRETS)) == SECRETS
    assert not sealer.created
    assert list(tmp_path.iterdir()) == []


def test_missing_key_file_with_sealed_rows_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Restore it"):
        Sealer.from_instance(tmp_path, None, sealed_rows_exist=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_key_file_readable_by_others_is_tightened(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.write_text(f"{NEW}\n{OLD}\n")
    path.chmod(0o644)
    sealer = Sealer.from_instance(tmp_path, None, sealed_rows_exist=never_asked)
    assert mode(path) == 0o600
    assert sealer.open("acme", Sealer([OLD]).seal("acme", SECRETS)) == SECRETS


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_empty_or_broken_key_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="key file"):
        Sealer.from_instance(tmp_path, None, sealed_rows_exist=never_asked)
    assert path.read_bytes() == content


def test_unwritable_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be made"):
        Sealer.from_instance(tmp_path / "absent", None, sealed_rows_exist=none_sealed)


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    sealers: list[Sealer] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        sealers.append(Sealer.from_instance(tmp_path, None, sealed_rows_exist=none_sealed))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sealer.created for sealer in sealers) == 1
    sealed = sealers[0].seal("acme", SECRETS)
    assert all(sealer.open("acme", sealed) == SECRETS for sealer in sealers)
