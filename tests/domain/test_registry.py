"""What a package defines is found, whatever module of it holds that; and two of one name are refused."""

import sys

import pytest

from api.routes import operations_of
from domain.commands import Command, handlers_of, handles
from domain.events import event_types_of
from domain.registry import NameTaken
from projections.office import projections_of

EVENT = "from domain.events import Event\nclass {name}(Event): pass\n"
COMMAND = """
from api.routes import operations_of
from domain.commands import Command, handles
class {name}(Command): pass
@handles({name})
def decide(command, streams): pass
"""
PROJECTION = """
from sqlalchemy import Column, Integer, MetaData, Table
from projections.engine.projection import Projection
view = Projection("{name}", version=1, table=Table("{name}", MetaData(), Column("id", Integer, primary_key=True)))
"""

OPERATION = """
from api.calls import Reply
from api.operations import Operations
operation = Operations("things")
@operation("GET", "/{name}", "Look", name="look_at_{name}", answers=dict())
def look(call): pass
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package of these modules, by their paths, and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def package(**modules):
        name = f"office_{len(written)}"
        written.append(name)
        (tmp_path / name / "inside").mkdir(parents=True)
        for path in ("__init__.py", "inside/__init__.py"):
            (tmp_path / name / path).touch()
        for module, text in modules.items():
            (tmp_path / name / f"{module.replace('__', '/')}.py").write_text(text)
        return name

    yield package
    for module in [one for one in sys.modules if one.partition(".")[0] in written]:
        del sys.modules[module]


REGISTRIES = pytest.mark.parametrize(
    ("source", "names_in"),
    [
        (EVENT, lambda package: [event_type.topic() for event_type in event_types_of(package)]),
        (COMMAND, lambda package: [command_type.__name__ for command_type in handlers_of(package)]),
        (PROJECTION, lambda package: [view.name for view in projections_of(package)]),
        (OPERATION, lambda package: [one.path.strip("/") for one in operations_of(package)]),
    ],
    ids=["events", "commands", "projections", "operations"],
)


@REGISTRIES
def test_what_a_sub_package_defines_is_found_too(package, source, names_in):
    name = package(one=source.format(name="Alpha"), inside__deep=source.format(name="Beta"))
    assert sorted(names_in(name)) == ["Alpha", "Beta"]


@REGISTRIES
def test_two_of_one_name_are_refused_and_both_places_named(package, source, names_in):
    name = package(one=source.format(name="Alpha"), inside__deep=source.format(name="Alpha"))
    with pytest.raises(NameTaken, match="Alpha is defined twice") as refused:
        names_in(name)
    one, deep = sorted(refused.value.places, key=len)
    assert one.startswith(f"{name}.one.")
    assert deep.startswith(f"{name}.inside.deep.")


@REGISTRIES
def test_what_one_module_takes_from_another_is_no_second_one(package, source, names_in):
    assert names_in(package(one="from .two import *", two=source.format(name="Alpha"))) == ["Alpha"]


def test_what_derives_from_an_event_elsewhere_takes_no_event_away(package):
    name = package(one=EVENT.format(name="Alpha"))
    other = package(two=f"from {name}.one import Alpha\nclass Beta(Alpha): pass\n")
    event_types_of(other)
    assert [event_type.topic() for event_type in event_types_of(name)] == ["Alpha"]


def test_a_command_has_one_handler():
    class Ask(Command):
        pass

    @handles(Ask)
    def first(command, streams):
        pass

    with pytest.raises(NameTaken, match=r"the handler of Ask.*first.*second"):

        @handles(Ask)
        def second(command, streams):
            pass
