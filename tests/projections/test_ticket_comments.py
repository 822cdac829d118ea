from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.events import ERASED, Actor
from domain.office.office import OFFICE_ID
from domain.tickets.events import TicketCommented, TicketPutOnHold
from projections import ticket_comments
from projections.queries.reading import views_of
from tests.projections.facts import joined, received

ANNE = UUID(int=20)
T1, T2 = UUID(int=11), UUID(int=12)
FIRST, SECOND, OTHER = UUID(int=31), UUID(int=32), UUID(int=33)
BY_ANNE = Actor.collaborator(ANNE)


def commented(comment_id, text):
    return TicketCommented(comment_id=comment_id, text=text)


@pytest.fixture
def views(telling):
    told = telling(*views_of(ticket_comments.of_ticket))
    told.happened(OFFICE_ID, joined(ANNE, "Anne", "Petit"))
    told.happened(T1, received(1))
    told.happened(T2, received(2), commented(OTHER, "Un autre ticket"))
    yield told
    assert told.equal_to_replay()


@pytest.fixture
def comments(views):
    return lambda ticket_id: views.page(ticket_comments.of_ticket, ticket_id).items


def test_a_comment_says_who_wrote_it_and_when(views, comments):
    position = views.happened(T1, commented(FIRST, "Rappeler\naprès 18 h."), actor=BY_ANNE)
    (comment,) = comments(T1)
    assert comment.model_dump() == {
        "comment_id": FIRST,
        "at": views.noon + timedelta(seconds=position),
        "author": {"kind": "collaborator", "id": str(ANNE)},
        "who": "Anne Petit",
        "text": "Rappeler\naprès 18 h.",
    }


def test_the_comments_of_a_ticket_stand_in_the_order_in_which_they_were_written(views, comments):
    views.happened(T1, commented(SECOND, "un"), TicketPutOnHold(), commented(FIRST, "deux"), actor=BY_ANNE)
    assert [comment.text for comment in comments(T1)] == ["un", "deux"]
    assert [comment.text for comment in comments(T2)] == ["Un autre ticket"]
    assert views.page(ticket_comments.of_ticket, uuid4()) is None


@pytest.mark.parametrize(
    ("actor", "who"),
    [(Actor.rule("command_line"), "Ligne de commande"), (Actor.collaborator(UUID(int=21)), "un collaborateur inconnu")],
)
def test_an_author_is_named_whoever_it_is(views, comments, actor, who):
    views.happened(T1, commented(FIRST, "Rappeler"), actor=actor)
    assert [(comment.who, comment.author) for comment in comments(T1)] == [(who, actor)]


def test_an_erased_comment_is_not_shown(views, comments):
    views.happened(T1, commented(FIRST, ERASED), commented(SECOND, "Rappeler"), actor=BY_ANNE)
    assert [comment.comment_id for comment in comments(T1)] == [SECOND]
    assert len(comments(T2)) == 1
