"""An office on stores of either kind, through the command line."""

import httpx
import psycopg
import pytest

from tests.cli.command_line import errors
from tests.end_to_end.mailboxes import letter, write_mbox
from tests.waiting import wait_until

SECRET = "s3cret"


@pytest.fixture(params=["sqlite", "postgres", "one database"])
def placed(request, offices, apart):
    """An office whose stores are named by GREFFIER_STORE, or each by its own setting; nothing is made yet."""
    if request.param == "sqlite":
        return offices("office", GREFFIER_STORE=f"sqlite:///{apart}/stores")
    postgres = request.getfixturevalue("postgres")
    if request.param == "postgres":
        return offices("office", GREFFIER_STORE=postgres.url(postgres.new_name()))
    url = postgres.create_database()
    return offices("office", **{f"GREFFIER_{name}": url for name in ("LOG", "VAULT", "VIEWS", "DESK")})


def test_an_office_works_on_it(placed, apart):
    placed("init", "Cabinet Essai")
    token = placed("token", "lea@cabinet.example", "--last-name", "Morel").stdout.strip()
    write_mbox(map(letter, range(20)), apart / "mail.mbox")
    assert placed.json("import-mail", "mail.mbox")["ticket"] == 20
    assert placed.json("import-mail", "mail.mbox")["duplicate"] == 20
    assert placed.json("tickets", "list")["total"] == 20
    placed("projections", "verify")
    placed("keys", "rotate")
    assert placed.json("projections", "rebuild", "--all")["events"]
    _, address = placed.serve("serve", "--project")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        wait_until(lambda: client.get("/health").status_code == 200, "the views")
        sent = client.post("/messages", content=letter(99), headers={"Content-Type": "message/rfc822"})
        assert sent.status_code == 201
        listed = client.get("/tickets", params={"min_position": sent.json()["position"], "total": "true"}).json()
        assert listed["total"] == 21
    assert sorted(path.name for path in placed.folder.iterdir()) == ["files", "master.key"]


def test_what_is_open_is_not_opened_again(placed):
    placed("init", "Cabinet Essai")
    (line,) = errors(placed("init", "Another", exit_code=1))
    assert "there is an office in" in line


def test_where_there_is_none_nothing_is_made(placed):
    for command in (["tickets", "list"], ["token"], ["projections", "status"], ["backup", "file"]):
        (line,) = errors(placed(*command, exit_code=4))
        assert "there is no office in" in line
    assert not placed.folder.exists()


def test_the_stores_of_a_name_are_databases_of_their_own(offices, postgres):
    name = postgres.new_name()
    offices("office", GREFFIER_STORE=postgres.url(name))("init", "Cabinet Essai")
    with psycopg.connect(postgres.url()) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}\\_%",)).fetchall()
    assert sorted(found) == [(f"{name}_{store}",) for store in ("desk", "log", "vault", "views")]
    with psycopg.connect(postgres.url(f"{name}_log")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname LIKE 'greffier%'").fetchall()
    assert not {"keys", "secrets", "master"} & {table for (table,) in tables}


def test_a_server_that_is_down_is_not_taken_for_no_office(offices):
    office = offices("office", GREFFIER_STORE=f"postgresql://clerk:{SECRET}@127.0.0.1:1/office")
    for command in (["tickets", "list"], ["init", "Cabinet Essai"], ["token"]):
        (line,) = errors(office(*command, exit_code=3))
        assert "the vault can't be used now" in line
        assert "refused" in line
        assert SECRET not in line
    assert not office.folder.exists()


# --- settings -------------------------------------------------------------------------------------


def test_the_stores_in_force_are_shown_without_their_passwords(offices):
    office = offices(
        "office",
        GREFFIER_STORE=f"postgresql://clerk:{SECRET}@db.example/office",
        GREFFIER_VAULT=f"postgresql://keeper:{SECRET}@elsewhere.example/vault?sslpassword={SECRET}",
        GREFFIER_VIEWS="sqlite:///views.sqlite",
    )
    shown = office.json("settings")
    assert SECRET not in office("settings").stdout + str(shown)
    assert [shown[name] for name in ("log", "views", "desk")] == [
        "postgresql://clerk:***@db.example/office_log",
        "sqlite:///views.sqlite",
        "postgresql://clerk:***@db.example/office_desk",
    ]
    assert shown["vault"].startswith("postgresql://keeper:***@elsewhere.example/vault")


def test_stores_lie_in_the_data_folder_unless_they_are_named(greffier):
    shown = greffier.json("settings")
    assert shown["store"] is None
    assert [shown[name] for name in ("log", "vault", "views", "desk")] == [
        f"sqlite:///{greffier.folder}/{name}.sqlite" for name in ("log", "vault", "views", "desk")
    ]


@pytest.mark.parametrize("name", ["STORE", "LOG", "VAULT", "VIEWS", "DESK"])
@pytest.mark.parametrize("text", [f"mysql://clerk:{SECRET}@db.example/x", f"postgresql://clerk:{SECRET}@db", SECRET])
def test_a_wrong_address_is_named_by_its_setting_and_what_would_be_right(offices, apart, name, text):
    by_environment = offices("office", **{f"GREFFIER_{name}": text})
    (line,) = errors(by_environment("tickets", "list", exit_code=2))
    (apart / "greffier.toml").write_text(f'{name.lower()} = "{text}"\n')
    (same,) = errors(offices("office")("tickets", "list", exit_code=2))
    assert line == same
    assert line.startswith(f"greffier: {name.lower()}: ")
    assert "postgresql://USER@HOST/DATABASE" in line
    assert SECRET not in line
