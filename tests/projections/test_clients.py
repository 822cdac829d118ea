from datetime import timedelta
from uuid import UUID

import pytest

from domain.clients.client import ClientActivated, ProspectRegistered
from domain.email_addresses.email_address import EmailAddressAssociated
from domain.events import ERASED
from projections import clients, email_addresses
from projections.queries.paging import BadCursor
from projections.queries.placed import Placed
from tests.projections.facts import ADDRESS, OTHER_ADDRESS, associated, company, moved, person, removed, target

CLAIRE, BRUNO, GARAGE = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture
def views(telling):
    told = telling(clients.clients, email_addresses.email_addresses)
    yield told
    assert told.equal_to_replay()


@pytest.fixture
def search(views):
    def found(name="", **options):
        page = views.page(clients.search, name=name, **options)
        return [line.label for line in page.items]

    return found


@pytest.fixture
def details(views):
    return lambda client_id: views.asked(clients.client, client_id)


def test_a_prospect_and_then_client_with_everything_known(views, details):
    views.happened(CLAIRE, person("Dupont", "Claire", "Mme", number=7))
    views.happened(BRUNO, person("Martin", number=8))
    views.happened(CLAIRE, ClientActivated())
    views.happened(ADDRESS, associated(CLAIRE))
    assert details(CLAIRE).model_dump() == {
        "client_id": CLAIRE,
        "number": 7,
        "kind": "person",
        "status": "active",
        "label": "Mme Claire Dupont",
        "version": 2,
        "title": "Mme",
        "first_name": "Claire",
        "last_name": "Dupont",
        "company_name": None,
        "registered_at": views.noon + timedelta(seconds=1),
        "activated_at": views.noon + timedelta(seconds=3),
        "email_addresses": [
            {
                "address_id": ADDRESS,
                "address": "claire@example.fr",
                "since": views.noon + timedelta(seconds=4),
                "shared": False,
            }
        ],
    }
    assert (details(BRUNO).status, details(BRUNO).activated_at, details(BRUNO).email_addresses) == (
        "prospect",
        None,
        [],
    )


def test_a_company(views, details):
    views.happened(GARAGE, company("Garage Martin SARL"))
    views.happened(BRUNO, person("Martin"))
    found = details(GARAGE)
    assert (found.kind, found.label, found.company_name, found.last_name) == (
        "company",
        "Garage Martin SARL",
        "Garage Martin SARL",
        None,
    )


def test_nobody(views, details):
    views.happened(BRUNO, person("Martin"))
    assert details(CLAIRE) is None


def test_an_erased_dossier_is_not_shown(views, details, search):
    views.happened(CLAIRE, ProspectRegistered(number=1, identity=ERASED), ClientActivated())
    views.happened(BRUNO, person("Martin"))
    views.happened(ADDRESS, EmailAddressAssociated(owner=target(BRUNO), dossier_id=BRUNO, written=ERASED))
    assert details(CLAIRE) is None
    assert search() == ["Martin"]
    assert details(BRUNO).email_addresses == []


# --- search -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Lefèvre", "lefevre"),
        ("LEFEVRE", "Lefèvre"),
        ("Noël", "noe\u0308l"),
        ("Saint-Étienne", "saint etienne"),
        ("D’Artagnan", "d'artagnan"),
        ("Lecœur", "lecoeur"),
        ("Lecoeur", "LECŒUR"),
        ("Lætitia", "laetitia"),
        ("Straße", "STRASSE"),
        ("Dupont", "upon"),
        ("Müller & Fils", "fils müller"),
        ("Ｆｕｌｌ", "full"),
        ("名前", "名"),
    ],
)
def test_a_name_is_found_without_case_accents_or_punctuation(views, search, name, written):
    views.happened(CLAIRE, person(name, number=1))
    views.happened(BRUNO, person("Zzz", number=2))
    assert search(written) == [name]


def test_every_word_must_be_in_the_name(views, search):
    views.happened(CLAIRE, person("Dupont", "Claire", "Mme"))
    views.happened(BRUNO, person("Dupont", "Bruno", "M.", number=2))
    assert search("dupont claire") == search("Claire DUPONT") == search("Mme Dupont") == ["Mme Claire Dupont"]
    assert search("dupont") == ["M. Bruno Dupont", "Mme Claire Dupont"]
    assert search("dupont chloé") == []


@pytest.mark.parametrize("written", ["%", "_", "%x", "_x", "\\", "'", "--", "?", "*"])
def test_no_sign_is_a_wildcard(views, search, written):
    views.happened(CLAIRE, person("Dupont"))
    views.happened(BRUNO, person("Martin", number=2))
    assert search(written) == []


@pytest.mark.parametrize("written", ["a\0", "x" * 10_000, "' OR 1=1"])
def test_a_strange_search_finds_nobody(views, search, written):
    views.happened(CLAIRE, person("Dupont"))
    assert search(written) == []


def test_no_name_lists_everybody_by_last_name(views, search):
    views.happened(CLAIRE, person("Zola", "Anne", "Mme", number=1))
    views.happened(BRUNO, person("Étienne", "Zoé", number=2))
    views.happened(GARAGE, company("Garage", number=3))
    assert search() == search("") == ["Zoé Étienne", "Garage", "Mme Anne Zola"]


def test_prospects_and_clients_apart(views, search):
    views.happened(CLAIRE, person("Dupont"), ClientActivated())
    views.happened(BRUNO, person("Dupond", number=2))
    assert search("dup", status="active") == ["Dupont"]
    assert search("dup", status="prospect") == ["Dupond"]
    assert search("dup") == ["Dupond", "Dupont"]


def test_pages_hold_while_dossiers_are_added(views):
    def page(cursor=None, **options):
        return views.page(clients.search, cursor=cursor, limit=2, **options)

    for number, name in enumerate(["Aa", "Bb", "Bb", "Cc", "Dd"], 1):
        views.happened(UUID(int=number), person(name, number=number))
    first = page(total=True)
    assert ([line.number for line in first.items], first.total) == ([1, 2], 5)
    views.happened(UUID(int=6), person("Ab", number=6))  # before the cursor: not seen again
    views.happened(UUID(int=7), person("Bc", number=7))  # after it: seen
    second = page(first.next_cursor)
    third = page(second.next_cursor)
    assert [line.number for line in second.items] == [3, 7]
    assert ([line.number for line in third.items], third.next_cursor, third.total) == ([4, 5], None, None)
    assert page(name="bb", total=True).total == 2


@pytest.mark.parametrize("cursor", ["", "nonsense", "WyJhIl0", "WzEsMl0"])
def test_a_cursor_of_another_list(views, cursor):
    with pytest.raises(BadCursor):
        views.page(clients.search, cursor=cursor, limit=2)


def test_what_those_known_are_called(views):
    views.happened(CLAIRE, person("Dupont", "Claire"))
    views.happened(BRUNO, person("Martin"))
    assert views.asked(clients.placed, {CLAIRE, GARAGE}) == {CLAIRE: Placed("Claire Dupont")}
    assert views.asked(clients.placed, set()) == {}


# --- addresses ----------------------------------------------------------------------------------


@pytest.fixture
def addresses(views, details):
    views.happened(CLAIRE, person("Dupont"))
    views.happened(BRUNO, person("Martin", number=2))
    return lambda client_id: [(each.address, each.shared) for each in details(client_id).email_addresses]


def test_a_shared_address_says_so_on_each_file(views, addresses):
    views.happened(OTHER_ADDRESS, associated(CLAIRE, "other@example.fr"))
    views.happened(ADDRESS, associated(CLAIRE), associated(BRUNO, shared_with=[CLAIRE]))
    assert addresses(CLAIRE) == [("other@example.fr", False), ("claire@example.fr", True)]
    assert addresses(BRUNO) == [("claire@example.fr", True)]


def test_an_address_removed_from_one_is_the_other_s_alone(views, addresses):
    views.happened(ADDRESS, associated(CLAIRE), associated(BRUNO, shared_with=[CLAIRE]), removed(CLAIRE, BRUNO))
    assert addresses(CLAIRE) == []
    assert addresses(BRUNO) == [("claire@example.fr", False)]


def test_a_moved_address_leaves_every_former_owner(views, addresses):
    views.happened(GARAGE, company("Garage", number=3))
    views.happened(ADDRESS, associated(CLAIRE), associated(BRUNO, shared_with=[CLAIRE]), moved(GARAGE, CLAIRE, BRUNO))
    assert addresses(CLAIRE) == addresses(BRUNO) == []
    assert addresses(GARAGE) == [("claire@example.fr", False)]


def test_an_address_moved_to_one_of_its_owners_keeps_its_date(views, details):
    views.happened(CLAIRE, person("Dupont"))
    views.happened(BRUNO, person("Martin", number=2))
    views.happened(ADDRESS, associated(CLAIRE), associated(BRUNO, shared_with=[CLAIRE]), moved(CLAIRE, BRUNO))
    (address,) = details(CLAIRE).email_addresses
    assert (address.since, address.shared) == (views.noon + timedelta(seconds=3), False)
