"""A rotation of the master key is killed (SIGKILL) at each step between the vault and the key's file."""

import signal

import pytest

from adapters.master_key import rotate_master_key
from adapters.vault import MasterKeyError
from tests.waiting import PATIENCE

KILLED = """
import os, signal, sys
from pathlib import Path
from adapters.vault import Vault
from api.bootstrap import open_greffier
from adapters.master_key import rotate_master_key
from api.settings import Settings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

kind, name = {"commit": (Vault, "rotate"), "rename": (Path, "replace")}[sys.argv[2]]
with open_greffier(Settings(data=Path(sys.argv[1]))) as greffier:
    setattr(kind, name, die)
    rotate_master_key(greffier.vault, greffier.settings.key_place, None)
"""


@pytest.mark.parametrize(("before", "in_force"), [("commit", "former"), ("rename", "new")])
def test_a_rotation_that_is_killed_loses_no_key_whoever_rotates_next(demo, start_python, before, in_force):
    key = demo.folder / "master.key"
    former = key.read_bytes()
    with demo.open() as late:
        killed = start_python(KILLED, demo.folder, before)
        assert killed.wait(PATIENCE) == -signal.SIGKILL
        assert key.read_bytes() == former
        assert key.with_name("master.key.new").exists()
        if in_force == "former":
            rotate_master_key(late.vault, late.settings.key_place, None)
        else:
            with pytest.raises(MasterKeyError, match="rotated by another process"):
                rotate_master_key(late.vault, late.settings.key_place, None)
    assert key.read_bytes() != former
    demo("projections", "verify")
    demo("keys", "rotate")
    demo("projections", "verify")
    assert [path.name for path in demo.folder.glob("master.key*")] == ["master.key"]
