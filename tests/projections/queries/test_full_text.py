"""A read model's words, searched: as the log moves, views are rebuilt, and people ask."""

import random
import threading
from uuid import UUID, uuid4

import pytest
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Uuid, event, inspect, select, text

from domain.clients.client import ClientActivated, ProspectRegistered
from domain.tickets.events import TicketReceived
from projections.engine import engine as engine_module
from projections.engine.projection import Projection, stream
from projections.queries import full_text
from projections.queries.full_text import FullText, among, searchable
from tests.projections.conftest import reading
from tests.projections.facts import person, received
from tests.waiting import PATIENCE

NOTES = {
    "accents": "Élodie Résiliée d'Œuvre",
    "quotes": "l'été \"dit\" -- ; DROP TABLE 'x' \\ % _ & | ! <-> NEAR OR NOT *",
}


def notes_table(*extra):
    return Table(
        "notes",
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("position", BigInteger, nullable=False),
        Column("searched", String, nullable=False),
        Column("seen", Integer, nullable=False),
        *extra,
    )


class Notes:
    """What was written to or of someone, one row each; who is activated is written of anew, and « oublié » forgotten."""

    def __init__(self, *, version=1, row_per_event=False, full_text=True):
        self.table = notes_table()
        self.words = FullText(self.table, "searched", newest="position") if full_text else None
        self.projection = Projection("notes", version=version, table=self.table, row_per_event=row_per_event)
        self.projection.on(ProspectRegistered, key=stream)(self._registered)
        self.projection.on(TicketReceived, key=stream)(
            lambda _, recorded: self._row(recorded, recorded.event.content.text)
        )
        self.becomes = {}
        if not row_per_event:
            self.projection.on(ClientActivated, key=stream)(self._activated)

    def _registered(self, _row, recorded):
        return self._row(recorded, recorded.event.identity.last_name)

    def _activated(self, row, recorded):
        note = self.becomes.get(recorded.stream_id, "")
        if note is None:
            return {**row, "seen": row["seen"] + 1}
        return None if note == "oublié" else self._row(recorded, note)

    def _row(self, recorded, note):
        return {"position": recorded.position, "searched": searchable(note), "seen": 1}

    def found(self, store, query, *also, **options):
        with reading(store) as session:
            hits = self.words.newest(session, query, [self.table.c.position], *also, **{"limit": 50} | options)
        return [hit["position"] for hit in hits]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def ask(store, notes):
    return lambda query, *also, **options: notes.found(store, query, *also, **options)


def written(telling, *notes):
    """Makes a row of each note, at positions 1, 2 … Gives their clients' ids."""
    ids = [uuid4() for _ in notes]
    for client_id, note in zip(ids, notes, strict=True):
        telling.happened(client_id, received(text=note))
    return ids


# --- asking -------------------------------------------------------------------------------------


def test_each_word_must_occur_and_the_newest_row_comes_first(telling, notes, ask):
    written(telling(notes.projection), "Bonnet résilie", "Bonnet déclare", "Martin résilie", "résilie, dit M. Bonnet")
    assert ask("bonnet résilie") == [4, 1]
    assert ask("BONNET") == [4, 2, 1]
    assert ask("bonnet,resilie bonnet") == [4, 1]
    assert ask("bonne") == ask("bonnets") == []


def test_a_star_asks_for_beginnings(telling, notes, ask):
    written(telling(notes.projection), "résiliation", "je résilie", "un résidu", "il réside")
    assert ask("résil*") == [2, 1]
    assert ask("rési* il") == [4]
    assert ask("l'rési*") == []
    assert ask("*ation") == ask("ation") == []


@pytest.mark.parametrize("query", ["", " ", "*", "-- ' \" * \\", "\0", "\ud800"])
def test_a_query_without_a_word_finds_nothing(telling, notes, ask, query):
    written(telling(notes.projection), "Claire", "Bruno")
    assert ask(query) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("elodie oeuvre", [1]),
        ("ÉLODIE œuv*", [1]),
        ("'été' AND \"dit\"", []),
        ("\"été\" 'dit'", [2]),
        ("NEAR(drop table)", [2]),
        ("drop:table", [2]),
        ("near OR not", [2]),
        ("x%", [2]),
        ("%", []),
        ("#3.0", []),
        ("0", []),
    ],
)
def test_signs_mean_nothing(telling, notes, ask, query, found):
    written(telling(notes.projection), *NOTES.values())
    assert ask(query) == found


@pytest.mark.parametrize("note", ["", "…", "\t\r\n"])
def test_an_empty_text_is_found_by_nothing(telling, notes, ask, note):
    told = telling(notes.projection)
    written(told, note, "Bruno")
    assert ask("bruno") == [2]
    assert ask("a*") == []
    assert told.equal_to_replay()


def test_long_words_and_long_texts(telling, notes, ask):
    long_text = " ".join(f"mot{number}" for number in range(20_000))
    huge = " ".join("x" * 9 + f"{number:055}" for number in range(20_000))  # more than PostgreSQL takes
    told = telling(notes.projection)
    written(told, long_text, "x" * 5_000, "𠮷" * 100 + " 字", huge)
    assert ask("mot0 mot19999") == [1]
    assert ask("mot1999*") == [1]
    assert ask("x" * 64) == ask("x" * 70) == [2]
    assert ask("𠮷" * 99) == ask("字") == [3]
    assert ask("x" * 9 + f"{7:055}") == [4]
    assert told.equal_to_replay()


def test_a_query_of_very_many_words(telling, notes, ask):
    written(telling(notes.projection), " ".join(f"mot{number}" for number in range(500)), "mot1")
    assert ask(" ".join(f"mot{number}" for number in range(500))) == [1]
    assert ask(" ".join(f"mot{number}*" for number in range(32))) == [1]


def test_pages_follow_each_other_without_gap_or_repetition(telling, notes, ask):
    written(telling(notes.projection), *(f"Bonnet n{number}" if number % 3 else "Martin" for number in range(40)))
    wanted = [at for at in range(40, 0, -1) if (at - 1) % 3]
    pages, before = [], None
    while page := ask("bonnet", before=before, limit=4):
        pages.append(page)
        before = page[-1]
    assert [at for page in pages for at in page] == wanted
    assert all(len(page) == 4 for page in pages[:-1])
    assert ask("bonnet", before=0) == ask("bonnet", before=-5) == ask("bonnet", before=1) == []
    assert ask("bonnet", before=10**15) == wanted
    assert ask("bonnet", limit=0) == []


def test_rows_since_a_position_alone(telling, notes, ask):
    written(telling(notes.projection), *("Bonnet" if number % 2 else "Martin" for number in range(40)))
    assert ask("bonnet", since=35) == [40, 38, 36]
    assert ask("bonnet", since=36, before=40) == [38, 36]
    assert ask("bonnet", since=0, limit=1) == [40]
    assert ask("bonnet", since=41) == ask("bonnet", since=20, before=20) == []


def test_what_holds_the_words_is_told_row_by_row_alike(telling, notes, store):
    written(telling(notes.projection), "Élodie résilie", "je réside l'été", "x" * 70, "", *NOTES.values())

    def held(query):
        rows = notes.table.alias("rows_of_notes")
        with reading(store) as session:
            return list(session.scalars(select(rows.c.position).where(notes.words.holds(query, rows))))

    for query in (
        "elodie",
        "ÉLODIE rési*",
        "rési*",
        "resili",
        "l'ete",
        "x" * 70,
        "x" * 30 + "*",
        "_",
        "%",
        "",
        "drop tab*",
    ):
        assert sorted(held(query), reverse=True) == notes.found(store, query), query


def test_only_rows_among_another_view_s(telling, notes, ask, make_names):
    names = make_names()
    told = telling(notes.projection, names.projection)
    for number in range(30):
        told.happened(uuid4(), person(f"Bonnet n{number % 3}"))
    of_names = names.projection.table.c
    some = among(notes.table.c.client_id, select(of_names.client_id).where(of_names.name == "Bonnet n1"))
    assert ask("bonnet", some) == list(range(29, 0, -3))
    assert ask("bonnet", some, limit=3, before=20) == [17, 14, 11]
    assert ask("n2", some) == []
    assert ask("bonnet", notes.table.c.position < 3) == [2, 1]


def test_hits_are_sought_among_the_words_and_not_put_in_order_first(telling, notes, store):
    told = telling(notes.projection)
    written(told, *("Bonnet" for _ in range(20)))
    asked = []
    with reading(store) as session:
        event.listen(session.connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        notes.words.newest(session, "bonnet martin", [*notes.table.c], limit=50)
        if session.connection.dialect.name == "sqlite":
            ((statement, parameters),) = asked
            plan = str(session.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            assert plan.index("SCAN notes_full_text VIRTUAL TABLE") < plan.index("SEARCH notes USING INDEX")
            assert "TEMP B-TREE" not in plan
        else:
            windows = [one for one in asked if " @@ " in one[0]]
            session.connection.exec_driver_sql("SET enable_seqscan = off")
            plans = [str(session.connection.exec_driver_sql(f"EXPLAIN {one}", given).all()) for one, given in windows]
            assert plans
            assert all("Bitmap Index Scan on notes__1_full_text" in plan for plan in plans)


def test_every_column_can_be_asked_for(telling, notes, store):
    told = telling(notes.projection)
    first, _ = written(told, "Claire", "Bruno")
    with reading(store) as session:
        assert notes.words.newest(session, "claire", [*notes.table.c], limit=9) == [
            {"client_id": first, "position": 1, "searched": "claire", "seen": 1}
        ]


def test_hits_far_apart_in_a_long_log_are_found_in_order(store, notes):
    """As rows by the thousand, of words that are in all, in some, in the oldest only, or in one."""
    dice, rows = random.Random(11), {}
    for number, at in enumerate(sorted(dice.sample(range(1, 6_000_000), 4_000)), 1):
        words = (
            "tous" + " pair" * (number % 2 == 0) + " ancien" * (number < 900) + " rare" * (number in {3, 2_000, 4_000})
        )
        rows[UUID(int=number),] = {"client_id": UUID(int=number), "position": at, "searched": words, "seen": 1}
    with store.writing() as writer:
        writer.create_table(notes.table)
        writer.create_key(notes.table)
        for index in notes.table.indexes:
            writer.create_index(index)
        after = None
        half = dict(list(rows.items())[:2_000])
        writer.insert(notes.table, half.values())
        while (after := writer.make_searchable(notes.table, after)) is not None:
            pass
        writer.write(notes.table, {key: row for key, row in rows.items() if key not in half})
    for query in ("tous", "pair", "tous pair", "ancien", "ancien pair", "rare", "rare pair", "pai* anc*", "absent"):
        wanted = [word.rstrip("*") for word in query.split()]
        matching = sorted(
            (row["position"] for row in rows.values() if all(word in row["searched"] for word in wanted)), reverse=True
        )
        assert notes.found(store, query) == matching[:50]
        for before in dice.sample(range(6_000_000), 8):
            below = [at for at in matching if at < before]
            assert notes.found(store, query, before=before, limit=7) == below[:7]
            late = [at for at in below if at >= before - 300_000]
            assert notes.found(store, query, since=before - 300_000, before=before, limit=7) == late[:7]


@pytest.mark.parametrize("views_url", ["postgres"], indirect=True)
def test_what_follows_in_the_transaction_is_planned_as_ever(telling, notes, store):
    written(telling(notes.projection), "Claire", "Bruno")
    with reading(store) as session:
        notes.words.newest(session, "claire", [notes.table.c.position], limit=9)
        assert session.scalar(text("SHOW enable_seqscan")) == "on"
        assert session.scalar(text("SHOW work_mem")) == "4MB"


# --- following the log --------------------------------------------------------------------------


def test_updates_and_deletions_are_followed(telling, notes, ask):
    told = telling(notes.projection)
    claire, bruno, chloe = written(told, "Claire Dupont", "Bruno Dupont", "Chloé Dupont")
    notes.becomes = {claire: "Claire Martin", bruno: "oublié", chloe: None}
    for client_id in (claire, bruno, chloe):
        told.happened(client_id, ClientActivated())
    assert ask("dupont") == [3]
    assert ask("claire") == ask("martin") == [4]
    assert ask("bruno") == []
    assert told.equal_to_replay()


def test_a_row_that_comes_back_is_found_again(telling, notes, ask):
    told = telling(notes.projection)
    claire, _ = written(told, "Claire", "Bruno")
    for note in ("oublié", "Claire de retour", "oublié", "Claire"):
        notes.becomes = {claire: note}
        told.happened(claire, ClientActivated()) if note == "oublié" else told.happened(claire, received(text=note))
    assert ask("claire") == [6]
    assert ask("retour") == []
    assert told.equal_to_replay()


def test_a_position_that_two_rows_claim_stops_the_view(office, notes):
    notes.projection._rules.clear()
    notes.projection.on(ProspectRegistered, key=stream)(lambda *_: {"position": 7, "searched": "x", "seen": 1})
    engine = office.engine(notes.projection)
    engine.catch_up()
    office.register("Claire", "Bruno")
    engine.catch_up()
    assert (office.view(notes.projection).state, office.view(notes.projection).position) == ("faulted", 1)
    assert notes.found(office.store, "x") == [7]
    fresh = office.engine(notes.projection)
    fresh.open()
    office.store.request_rebuild(["notes"])
    fresh.advance()
    assert (office.view(notes.projection).state, office.view(notes.projection).position) == ("faulted", 1)
    assert notes.found(office.store, "x") == [7]


# --- rebuilds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("row_per_event", [True, False])
def test_a_rebuild_makes_the_words_anew_and_live_writes_go_on(office, row_per_event):
    notes = Notes(row_per_event=row_per_event)
    claire, _ = office.register("Claire Dupont", "Bruno Dupont")
    engine = office.engine(notes.projection)
    for generation in (1, 2, 3):
        engine.rebuild(["notes"]) if generation > 1 else engine.catch_up()
        assert office.view(notes.projection).generation == generation
        assert len(notes.found(office.store, "dupont")) == 1 + generation
        office.register(f"Chloé Dupont{' ' * generation}")
        engine.advance()
        assert notes.found(office.store, "chloe dupont") == list(range(2 + generation, 2, -1))
    if not row_per_event:
        notes.becomes = {claire: "oublié"}
        office.activate(claire)
        engine.advance()
        assert notes.found(office.store, "claire") == []
    assert engine.verify("notes").equal
    assert not [name for name in tables(office) if "__" in name]


def tables(office):
    with office.store.reading() as connection:
        return set(inspect(connection).get_table_names())


def test_a_build_in_many_steps_loses_no_word(office, notes, monkeypatch):
    monkeypatch.setattr("adapters.read_store.sqlite._INDEXED_AT_ONCE", 3)
    monkeypatch.setattr("projections.engine.building.ROWS_IN_MEMORY", 4)
    monkeypatch.setattr(engine_module, "BATCH", 2)
    claire, *_ = office.register("Claire", *(f"Bonnet n{number}" for number in range(20)))
    notes.becomes = {claire: "Claire Bonnet"}
    office.activate(claire)
    office.engine(notes.projection).catch_up()
    assert notes.found(office.store, "bonnet") == list(range(22, 1, -1))
    assert notes.found(office.store, "claire") == [22]


def test_a_declaration_that_comes_or_goes_rebuilds_the_view(office):
    office.register("Claire", "Bruno")
    plain, with_words = Notes(full_text=False), Notes()
    assert plain.projection.fingerprint != with_words.projection.fingerprint
    Index("notes_by_position", plain.table.c.position, unique=True)
    assert plain.projection.fingerprint != with_words.projection.fingerprint
    office.engine(plain.projection).catch_up()
    assert tables(office) == {"greffier_views", "greffier_unknown_topics", "notes"} | schema_version(office)
    office.engine(with_words.projection).catch_up()
    assert with_words.found(office.store, "claire") == [1]
    office.engine(Notes(full_text=False).projection).catch_up()
    assert office.view(plain.projection).generation == 3
    assert tables(office) == {"greffier_views", "greffier_unknown_topics", "notes"} | schema_version(office)
    office.register("Chloé")
    office.engine(Notes(full_text=False).projection).catch_up()
    assert len(office.rows(plain.projection)) == 3


def schema_version(office):
    return tables(office) & {"greffier_schema"}


@pytest.mark.parametrize("dies_at", ["make_searchable", "swap"])
def test_a_build_that_dies_leaves_nothing_that_hinders(office, notes, monkeypatch, dies_at):
    office.register("Claire", "Bruno")
    engine = office.engine(notes.projection)
    engine.catch_up()

    def dying(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(writer_of(office)), dies_at, dying)
        with pytest.raises(KeyboardInterrupt):
            engine.rebuild(["notes"])
    assert "notes__2" in tables(office)
    assert notes.found(office.store, "claire") == [1]
    again = office.engine(notes.projection)
    again.open()
    assert not [name for name in tables(office) if "__" in name]
    office.register("Claire")
    again.advance()
    again.rebuild(["notes"])
    assert notes.found(office.store, "claire") == [3, 1]


def writer_of(office):
    with office.store.writing() as writer:
        return writer


def test_who_searches_while_views_are_rebuilt_and_written_misses_nothing(office, notes):
    office.register(*(f"Bonnet n{number}" for number in range(60)))
    engine = office.engine(notes.projection)
    engine.catch_up()
    written, done, looked, failed = threading.Event(), threading.Event(), [], []

    def write():
        for number in range(60):
            office.register(f"Bonnet m{number}")
        written.set()

    def look():
        try:
            while not done.is_set():
                with reading(office.store) as session:
                    hits = notes.words.newest(session, "bonnet", [notes.table.c.position], limit=500)
                    at = office.store.views(session.connection)["notes"].position
                    looked.append(([hit["position"] for hit in hits], at))
        except Exception as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=target) for target in (write, look, look)]
    for thread in threads:
        thread.start()
    try:
        while not written.is_set():
            engine.rebuild(["notes"])
            engine.advance()
    finally:
        written.wait(PATIENCE)
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
    engine.catch_up()
    assert not failed
    assert all(hits == list(range(at, 0, -1)) for hits, at in looked)
    assert office.view(notes.projection).generation > 1
    assert notes.found(office.store, "bonnet", limit=500) == list(range(120, 0, -1))


# --- declaring ----------------------------------------------------------------------------------


def test_columns_that_may_be_empty_are_refused():
    table = notes_table(Column("note", String))
    with pytest.raises(ValueError, match="must not be nullable"):
        FullText(table, "note", newest="position")
    assert full_text.of(table) is None


def test_a_searchable_text_is_its_words_once():
    assert searchable("Bonjour, Claire !", "claire@example.fr  bonjour") == "bonjour claire example fr"
    assert searchable("", "…") == ""
    assert searchable("x" * 65) == "x" * 64
    words = searchable(" ".join(f"é{number:062}" for number in range(30_000)))
    assert len(words.encode()) <= 1_000_000
    assert {len(word) for word in words.split()} == {63}
