import json
from hashlib import sha256

from tests.vendored_viewer import FOLDER, PIN


def test_the_viewers_files_are_those_that_were_pinned():
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}

    assert found == json.loads(PIN.read_text("utf-8"))["files"]
