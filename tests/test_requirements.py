"""requirements.lock is what pyproject.toml asks for: versions and hashes, and no word of where they come from."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
_LOCKED = re.compile(r"^([a-z0-9-]+==.+?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.MULTILINE)


def _locked():
    """Every version that is locked, by the name of its package; it may differ from platform to platform."""
    versions = {}
    for text, _ in _LOCKED.findall(LOCK):
        requirement = Requirement(text)
        (pin,) = requirement.specifier
        versions.setdefault(requirement.name, []).append(pin.version)
    return versions


def _asked():
    """What pyproject.toml asks for, and what that asks for in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    todo = [
        Requirement(line)
        for table, key in (("build-system", "requires"), ("project", "dependencies"), ("dependency-groups", "dev"))
        for line in project[table][key]
    ]
    followed = set()
    while todo:
        asked = todo.pop()
        yield asked
        if str(asked) in followed:
            continue
        followed.add(str(asked))
        needed = [Requirement(line) for line in metadata.requires(asked.name) or ()]
        todo += [one for one in needed if one.marker is None or _holds(one.marker, asked.extras)]


def _holds(marker, extras):
    return any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def _fits(versions, specifier):
    return bool(versions) and all(specifier.contains(version, prereleases=True) for version in versions)


def test_every_package_that_is_asked_for_is_locked_in_a_version_that_fits():
    locked = _locked()
    found = [(asked, locked.get(canonicalize_name(asked.name))) for asked in _asked()]
    assert [(str(asked), versions) for asked, versions in found if not _fits(versions, asked.specifier)] == []


def test_the_lock_holds_versions_with_their_hashes_and_no_host():
    assert [line for line in _LOCKED.sub("", LOCK).splitlines() if not line.lstrip().startswith("#")] == []
    assert "://" not in LOCK
