from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Uuid

from domain.clients.client import ClientActivated, ClientEvent, Person, ProspectRegistered
from domain.companies.company import CompanyName, CompanyRegistered
from domain.events import ERASED, Actor, Context, Recorded, office_event_types, unsealed
from projections.engine.projection import Projection, Utc, WrongRow, fold_all, stream
from projections.office import office_projections

CLAIRE, BRUNO = UUID(int=1), UUID(int=2)
AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def table(*columns):
    return Table(
        "seen",
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("part", Integer, primary_key=True),
        *columns,
    )


@pytest.fixture
def seen():
    return Projection("seen", version=1, table=table(Column("count", Integer, nullable=False), Column("note", String)))


def happened(stream_id, position=1, event=None, *, version=1):
    context = Context(actor=Actor.rule("test"), at=AT, command_id=CLAIRE)
    return Recorded(
        event or ClientActivated(),
        stream_id=stream_id,
        version=version,
        position=position,
        recorded_at=AT,
        context=context,
    )


@pytest.fixture
def dossiers():
    columns = (
        Column("client_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("name", String, nullable=False),
        Column("note", String),
    )
    projection = Projection("dossiers", version=1, table=Table("dossiers", MetaData(), *columns), of=ClientEvent)

    @projection.begins(ProspectRegistered)
    def registered(recorded):
        return {"name": unsealed(recorded.event.identity).last_name}

    return projection


def registered(name="Dupont"):
    return ProspectRegistered(number=1, identity=name if name is ERASED else Person(last_name=name))


# --- what folds say -----------------------------------------------------------------------------


def test_an_event_that_no_fold_handles_marks_its_row_s_version(dossiers):
    rows = fold_all(dossiers, [happened(CLAIRE, 1, registered()), happened(BRUNO, 2, registered("Martin"))])
    assert [row["version"] for row in rows.values()] == [1, 1]
    (changed,) = dossiers.apply(happened(CLAIRE, 3, version=2), rows)
    assert changed == ((CLAIRE,), {"client_id": CLAIRE, "version": 2, "name": "Dupont", "note": None})
    assert rows[CLAIRE,]["version"] == 1
    assert dossiers.topics == {event.topic() for event in office_event_types() if issubclass(event, ClientEvent)}


def test_a_fold_at_another_row_leaves_the_version_to_the_stream_s(dossiers):
    dossiers.changes(ClientActivated, key=lambda _: BRUNO)(lambda _: {"note": "Claire is active"})
    events = [happened(CLAIRE, 1, registered()), happened(BRUNO, 2, registered("Martin")), happened(CLAIRE, version=2)]
    rows = fold_all(dossiers, events)
    assert {key: (row["version"], row["note"]) for (key,), row in rows.items()} == {
        CLAIRE: (2, None),
        BRUNO: (1, "Claire is active"),
    }


def test_an_event_of_another_family_marks_no_version(dossiers):
    dossiers.changes(CompanyRegistered)(lambda _: {"note": "known"})
    known = CompanyRegistered(role="insurer", identity=CompanyName(name="Axe"))
    (row,) = fold_all(dossiers, [happened(CLAIRE, 1, registered()), happened(CLAIRE, 2, known, version=9)]).values()
    assert (row["version"], row["note"]) == (1, "known")


def test_an_erased_beginning_makes_no_row_and_what_follows_none_either(dossiers):
    dossiers.adjusts(ClientActivated)(lambda row, _: {"name": row["name"].upper()})
    dossiers.changes(ClientActivated)(lambda _: {"note": "active"})
    erased = [happened(CLAIRE, 1, registered(ERASED)), happened(CLAIRE, 2, version=2)]
    known = [happened(BRUNO, 3, registered("Martin")), happened(BRUNO, 4, version=2)]
    assert fold_all(dossiers, erased + known) == {
        (BRUNO,): {"client_id": BRUNO, "version": 2, "name": "MARTIN", "note": "active"}
    }


def test_a_row_begins_once_and_ends(dossiers):
    events = [happened(CLAIRE, 1, registered()), happened(CLAIRE, 2, registered("Other"), version=2)]
    (row,) = fold_all(dossiers, events).values()
    assert (row["name"], row["version"]) == ("Dupont", 2)
    dossiers.ends(ClientActivated)
    assert fold_all(dossiers, [*events, happened(CLAIRE, 3, version=3)]) == {}


def test_an_aggregate_s_table_has_a_version_and_the_other_way_round():
    with pytest.raises(WrongRow, match="seen has no column version"):
        Projection("seen", version=1, table=table(), of=ClientEvent)
    assert [
        view.name for view in office_projections() if ("version" in view.table.columns) != (view.of is not None)
    ] == []


# --- keys ---------------------------------------------------------------------------------------


def test_rules_for_the_same_row_see_each_other_s_work_and_leave_what_was_alone(seen):
    seen.on(ClientActivated, key=lambda r: (r.stream_id, 0))(
        lambda row, _: {"count": (row or {"count": 0})["count"] + 1}
    )
    seen.on(ClientActivated, key=lambda r: (r.stream_id, 0))(lambda row, _: {**row, "count": row["count"] * 10})
    before = {(CLAIRE, 0): {"client_id": CLAIRE, "part": 0, "count": 4, "note": "x"}}
    changed = dict(seen.apply(happened(CLAIRE), before))
    assert changed == {(CLAIRE, 0): {"client_id": CLAIRE, "part": 0, "count": 50, "note": None}}
    assert before[CLAIRE, 0]["count"] == 4


def test_an_event_may_concern_several_rows_or_none(seen):
    seen.on(ClientActivated, keys=lambda r: [(r.stream_id, part) for part in range(r.position)])(
        lambda *_: {"count": 1}
    )
    assert seen.keys_of(happened(CLAIRE, 3)) == [(CLAIRE, 0), (CLAIRE, 1), (CLAIRE, 2)]
    assert fold_all(seen, [happened(BRUNO, 0), happened(CLAIRE, 2)]).keys() == {(CLAIRE, 0), (CLAIRE, 1)}


def test_rows_that_were_deleted_are_not_in_a_replay(seen):
    seen.on(ClientActivated, key=lambda r: (r.stream_id, 0))(lambda row, _: None if row else {"count": 1})
    assert fold_all(seen, [happened(CLAIRE), happened(BRUNO), happened(CLAIRE)]).keys() == {(BRUNO, 0)}


def test_a_key_has_as_many_parts_as_the_table(seen):
    seen.on(ClientActivated, key=stream)(lambda *_: {"count": 1})
    for ask in (seen.keys_of, lambda event: seen.apply(event, {})):
        with pytest.raises(ValueError, match="a key of seen has 2 parts, not 1"):
            ask(happened(CLAIRE))


def test_a_key_as_someone_types_it(seen):
    assert seen.parse_key([str(CLAIRE), "7"]) == (CLAIRE, 7)
    named = Projection("named", version=1, table=Table("named", MetaData(), Column("name", String, primary_key=True)))
    assert named.parse_key(["x"]) == ("x",)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([str(CLAIRE)], "has 2 parts: client_id, part"),
        (["x", "1"], "client_id: 'x' is not a UUID"),
        ([str(CLAIRE), "x"], "part: 'x' is not a number"),
    ],
)
def test_a_key_that_is_none_is_refused_by_its_column(seen, texts, reason):
    with pytest.raises(ValueError, match=reason):
        seen.parse_key(texts)


def test_what_builds_a_table_differently_has_another_fingerprint():
    def fingerprint(*columns, version=1, indexed=False, unique=False):
        made = table(*columns)
        if indexed:
            Index("by_part", made.c.part, unique=unique)
        return Projection("seen", version=version, table=made).fingerprint

    found = [
        fingerprint(),
        fingerprint(version=2),
        fingerprint(indexed=True),
        fingerprint(indexed=True, unique=True),
        fingerprint(Column("note", String)),
        fingerprint(Column("note", String, nullable=False)),
        fingerprint(Column("note", Integer)),
        fingerprint(Column("at", Utc)),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint() == found[0]


def test_a_moment_is_utc_on_both_sides():
    paris = datetime(2026, 3, 31, 14, tzinfo=timezone(timedelta(hours=2)))
    assert Utc().process_bind_param(paris, None) == AT
    assert Utc().process_result_value(AT.replace(tzinfo=None), None) == AT
    assert Utc().process_bind_param(None, None) is Utc().process_result_value(None, None) is None


def test_the_office_s_views_are_found_where_they_are_defined():
    found = office_projections()
    assert [view.name for view in found] == sorted({view.name for view in found})
    assert {"clients", "tickets"} <= {view.name for view in found}
    assert all(ProspectRegistered.topic() in view.topics for view in found if view.name == "clients")
    assert len({view.table.name for view in found}) == len(found)  # no two share a table
