import inspect
import pkgutil
from importlib import import_module
from typing import get_type_hints

from pydantic import TypeAdapter

import projections
from projections.queries.reading import Reading, reads, views_of
from projections.tickets.ticket import tickets


def queries():
    """Every public function of a read model that reads the views."""
    modules = (import_module(found.name) for found in pkgutil.walk_packages(projections.__path__, "projections."))
    for module in modules:
        for name, member in list(vars(module).items()):
            is_ours = inspect.isfunction(member) and member.__module__ == module.__name__ and not name.startswith("_")
            if is_ours and next(iter(inspect.signature(member).parameters), None) == "session":
                yield f"{module.__name__}.{name}", member


def test_every_query_is_asked_by_a_viewer():
    found = {name: get_type_hints(query)["session"] for name, query in queries()}
    assert "projections.tickets.inbox.inbox" in found
    assert {name for name, asked_with in found.items() if asked_with is not Reading} == set()


def test_every_field_of_an_answer_is_described():
    """Beside its name and type, as the API's document promises."""
    asked = [query for _, query in queries() if hasattr(query, "views")]
    assert len(asked) > 20
    answers = [TypeAdapter(get_type_hints(query)["return"]).json_schema(mode="serialization") for query in asked]
    models = {name: model for answer in answers for name, model in answer.get("$defs", {}).items()}
    fields = {f"{name}.{field}": said for name, one in models.items() for field, said in one["properties"].items()}
    assert {field for field, said in fields.items() if not said.get("description")} == set()


def test_a_query_says_what_it_reads():
    @reads(tickets)
    def counted(session: Reading) -> int: ...

    assert views_of(counted) == (tickets,)
