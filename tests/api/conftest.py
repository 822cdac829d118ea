from shutil import copytree

import pytest
from schemathesis.pytest.plugin import SchemathesisFunction

from api.app import create_app
from api.bootstrap import open_greffier
from api.settings import Settings
from projections.engine import engine
from tests.api.document import RealValues, door
from tests.api.office import opened, serving, serving_halted


def pytest_itemcollected(item):
    """Gives each operation's test an id of its own: pytest 9.2 makes it of the function's name, which is theirs all."""
    if isinstance(item, SchemathesisFunction):
        item._id = item.id.with_params(item.operation_label)


@pytest.fixture(scope="session", autouse=True)
def prompt_engine():
    """Every test ends an office: an idle engine must not take its time to notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_IDLE_SECONDS", 0.02)
        yield


@pytest.fixture(scope="session")
def new_office(tmp_path_factory):
    """The folder of an office that was opened, and nothing else."""
    folder = tmp_path_factory.mktemp("new") / "office"
    with opened(folder) as greffier:
        greffier.catch_up()
    return folder


@pytest.fixture
def greffier(new_office, tmp_path):
    with open_greffier(Settings(data=copytree(new_office, tmp_path / "office"))) as greffier:
        yield greffier


@pytest.fixture
def api(greffier):
    with serving(greffier) as api:
        yield api


@pytest.fixture
def halted(tmp_path):
    """An office and its client; its views move only when they are told to, and reads don't wait long for them."""
    with opened(tmp_path / "office", read_timeout=0.05) as greffier, serving_halted(greffier) as api:
        yield greffier, api


@pytest.fixture(scope="module")
def demo(demonstration, tmp_path_factory):
    """A copy of the demonstration office for the tests of one module."""
    folder = copytree(demonstration.folder, tmp_path_factory.mktemp("demo") / "copy")
    with open_greffier(Settings(data=folder)) as greffier:
        yield greffier


@pytest.fixture(scope="module")
def demo_api(demo):
    with serving(demo) as api:
        yield api


@pytest.fixture(scope="module")
def signed_in(demo, demo_api):
    """The headers of a request to the demonstration office, which the document's cases are sent to from now on."""
    door.application = create_app(demo)
    return {"Authorization": demo_api.headers["Authorization"]}


@pytest.fixture(scope="module")
def real(demo_api):
    return RealValues(demo_api)
