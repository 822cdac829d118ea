"""What an office stored once is found, and opens, for ever: ids that derive from a secret, sealed values, sealed files and
vaults of every version, as `tests/golden/stored` has them. Nothing there is written anew: another form gets another file.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.databases import sqlite_url
from adapters.files import FileStore
from adapters.vault import MasterKey, Vault, unseal

FOLDER = Path(__file__).parents[1] / "golden" / "stored"
KNOWN = json.loads((FOLDER / "known.json").read_text("utf-8"))


@pytest.fixture(params=sorted(path.name for path in FOLDER.glob("vault.*.sql")))
def vault(request, tmp_path):
    """The vault as a program of that time left it."""
    path = tmp_path / "vault.sqlite"
    with closing(sqlite3.connect(path)) as stored:
        stored.executescript((FOLDER / request.param).read_text("utf-8"))
    with closing(Vault(sqlite_url(path), MasterKey(bytes.fromhex(KNOWN["master_key"])))) as opened:
        yield opened


def test_an_id_that_derives_from_the_vaults_secret_is_the_same_for_ever(vault):
    derived = {name: str(vault.keyed_id(*name.split(" ", 1))) for name in KNOWN["keyed_ids"]}

    assert derived == KNOWN["keyed_ids"]


def test_what_was_sealed_in_an_event_opens_for_ever(vault):
    sealed = KNOWN["sealed"]
    opened = unseal(vault.cipher(sealed["key_id"]), bytes.fromhex(sealed["bytes"]), sealed["bound_to"].encode())

    assert opened.decode() == sealed["text"]


def test_a_vault_goes_on_from_the_keys_that_it_gave(vault):
    assert vault.new_key()[0] > KNOWN["sealed"]["key_id"]


def test_a_stored_file_is_read_for_ever(tmp_path):
    stored = KNOWN["file"]
    path = tmp_path / "files" / stored["name"][:2] / stored["name"]
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes.fromhex(stored["bytes"]))

    assert (
        FileStore(tmp_path / "files").read(stored["name"], bytes.fromhex(stored["key"])).decode() == stored["content"]
    )
