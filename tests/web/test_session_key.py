"""The key that signs session cookies."""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet
from sqlmodel import select

from automations.assembly import Assembly
from automations.model.person import Installation
from automations.model.sealing import Sealer
from automations.settings import Settings
from automations.web.session_key import session_key


def test_key_is_made_once_and_never_stored_in_clear(assembly: Assembly) -> None:
    key = session_key(assembly.database, assembly.sealer)
    assert len(key) >= 43
    assert session_key(assembly.database, assembly.sealer) == key
    with assembly.database.read() as session:
        assert all(key not in row.value for row in session.exec(select(Installation)))


def test_every_installation_has_its_own(assembly: Assembly, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Assembly.make(Settings(instance=tmp_path / "other"))
    try:
        keys = {session_key(one.database, one.sealer) for one in (assembly, other)}
    finally:
        other.close()
    assert len(keys) == 2


def test_replaced_secret_keys_mean_a_new_key(assembly: Assembly) -> None:
    before = session_key(assembly.database, assembly.sealer)
    replaced = Sealer([Fernet.generate_key().decode()])
    after = session_key(assembly.database, replaced)
    assert after != before
    assert session_key(assembly.database, replaced) == after
