"""Takes the viewer of `/docs` from npm: the files that we ship, as they are, and the digests that they are pinned by.

`python -m tests.vendored_viewer` takes the version that is pinned, and refuses a package of another digest;
`python -m tests.vendored_viewer VERSION` takes that one, and pins it.
"""

import base64
import json
import subprocess
import sys
import tarfile
from hashlib import sha256, sha512
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parents[1] / "api" / "docs_viewer"
FOLDER = HERE / "swagger-ui"
PIN = HERE / "swagger-ui.json"
_PACKAGE = "swagger-ui-dist"
_FILES = ("LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css")


def main() -> None:
    pinned = json.loads(PIN.read_text("utf-8"))
    wanted = sys.argv[1] if len(sys.argv) > 1 else pinned["version"]
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{_PACKAGE}@{wanted}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (tarball,) = Path(folder).iterdir()
        integrity = f"sha512-{base64.b64encode(sha512(tarball.read_bytes()).digest()).decode()}"
        with tarfile.open(tarball) as package:
            version = json.load(package.extractfile("package/package.json"))["version"]
            contents = {name: package.extractfile(f"package/{name}").read() for name in _FILES}
    if version == pinned["version"] and integrity != pinned["integrity"]:
        sys.exit(f"{_PACKAGE} {version} is {integrity}, where {pinned['integrity']} is pinned")
    for name, content in contents.items():
        (FOLDER / name).write_bytes(content)
    files = {name: sha256(content).hexdigest() for name, content in contents.items()}
    pin = {"package": _PACKAGE, "version": version, "integrity": integrity, "files": files}
    PIN.write_text(json.dumps(pin, indent=2) + "\n", "utf-8")
    sys.stdout.write(f"took {_PACKAGE} {version}\n")


if __name__ == "__main__":
    main()
