"""Encryption of secrets at rest, bound to the row that owns them.

Fernet has no associated data, so the owner's id travels inside the encrypted text and is compared after
decrypting: a sealed value copied into another row does not open there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from automations.errors import SettingsError

KEY_FILE: Final = "secret.keys"
_SETTING: Final = "AUTOMATIONS_SECRET_KEYS"


class Sealer:
    """Seals and opens small dicts of secrets.

    keys: Fernet keys, newest first; the first seals, all of them open. Raises SettingsError when there is
    none or one of them is not a Fernet key; the message gives its place in the list, never its text.
    created: the key file was made just now, so the operator must be told to back it up.
    fingerprints: one a key, in their order: enough to tell whether two machines have the same, and no more.
    """

    created: bool = False

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SettingsError(f"There is no secret key. Set {_SETTING} or restore the file {KEY_FILE}.")
        self._fernet = MultiFernet([_fernet(key, place) for place, key in enumerate(keys, start=1)])
        self.fingerprints = tuple(_fingerprint(key) for key in keys)

    @classmethod
    def from_instance(
        cls, folder: Path, configured: str | None, *, sealed_rows_exist: Callable[[], bool]
    ) -> Sealer:
        """Return the sealer of an installation.

        folder: the instance folder, which exists. configured: comma list from the settings; it wins.
        sealed_rows_exist: asked only when no key is found. A new key file is made only if it says no,
        because a new key could never open what is stored.

        Raises SettingsError when keys are missing but needed, unreadable, or malformed.
        """
        keys = _split(configured or "", ",")
        if keys:
            return cls(keys)
        path = folder / KEY_FILE
        created = False
        if not path.exists():
            if sealed_rows_exist():
                raise SettingsError(
                    f"The database holds encrypted secrets, but the key file {path} is missing."
                    f" Restore it from the backup, or set {_SETTING} to the keys that were in it."
                )
            created = _create_key_file(path)
        sealer = cls(_read_key_file(path))
        sealer.created = created
        return sealer

    def seal(self, owner: str, value: dict[str, str]) -> str:
        """Return `value` encrypted, as ASCII text that opens only for `owner`."""
        return self._fernet.encrypt(orjson.dumps({"owner": owner, "value": value})).decode("ascii")

    def open(self, owner: str, sealed: str) -> dict[str, str]:
        """Return what was sealed for `owner`.

        Raises SettingsError when no key opens it, or when it was sealed for someone else.
        """
        try:
            content = orjson.loads(self._fernet.decrypt(_ascii(sealed)))
        except (InvalidToken, ValueError) as error:
            raise SettingsError(_cannot_open(f"The secrets of {owner!r}")) from error
        if not isinstance(content, dict) or content.get("owner") != owner:
            raise SettingsError(
                f"The stored secrets of {owner!r} were sealed for another owner, so they are not used."
                " Enter them again."
            )
        value: dict[str, str] = content["value"]
        return value

    def rotate(self, sealed: str) -> str:
        """Return the same content under the newest key; its owner stays the same.

        Raises SettingsError when no key opens it.
        """
        try:
            return self._fernet.rotate(_ascii(sealed)).decode("ascii")
        except (InvalidToken, ValueError) as error:
            raise SettingsError(_cannot_open("A stored secret")) from error


def _cannot_open(what: str) -> str:
    return (
        f"{what} cannot be decrypted with the keys in use. Put the key that sealed them back into {KEY_FILE}"
        f" or {_SETTING}, after the newest one, and start again."
    )


def _ascii(sealed: str) -> bytes:
    return sealed.encode("ascii")


def _split(text: str, separator: str | None) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _fernet(key: str, place: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError as error:
        # The library's text may quote the key, so it is not chained.
        del error
    raise SettingsError(
        f"Secret key number {place} is not a Fernet key (32 bytes in URL-safe base64)."
        f" Correct it in {_SETTING} or {KEY_FILE}."
    )


def _fingerprint(key: str) -> str:
    """Return 48 bits of the key's digest; the key is 256 random bits, so nothing leads back from there."""
    return hashlib.sha256(b"automations key " + key.encode("ascii")).hexdigest()[:12]


def _read_key_file(path: Path) -> list[str]:
    """Return the keys in the file, one a line, newest first; take away other people's access to it."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The key file {path} cannot be used: {error}. Make it readable for this user only (mode 0600)."
        ) from error
    keys = _split(text, None)
    if not keys:
        raise SettingsError(f"The key file {path} is empty. Restore it from the backup, or set {_SETTING}.")
    return keys


def _create_key_file(path: Path) -> bool:
    """Make the file with one new key, whole or not at all; return False if another process was first.

    `os.link` refuses an existing name, where a rename would replace the other process's key.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be made: {error}. Make the folder writable or set {_SETTING}."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
