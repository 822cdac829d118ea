"""How tickets are seen to: their state, who sees to them, what is put aside, and comments."""

from typing import Final

from api.operations import Operations
from api.ticket_actions import here, in_hand, not_closed
from domain.tickets import handling as ticket_handling
from domain.tickets.ticket import Ticket
from projections import ticket_comments

operation: Final = Operations("tickets", Ticket, "handle")

operation.changes(
    "/tickets/{ticket_id}/wait",
    "Put a ticket on hold",
    ticket_handling.PutTicketOnHold,
    offers={"wait": lambda ticket: in_hand(ticket) and ticket.state == "open"},
)
operation.changes(
    "/tickets/{ticket_id}/close", "Close a ticket", ticket_handling.CloseTicket, offers={"close": not_closed}
)
operation.changes(
    "/tickets/{ticket_id}/reopen",
    "Reopen a ticket",
    ticket_handling.ReopenTicket,
    offers={"reopen": lambda ticket: in_hand(ticket) and ticket.state != "open"},
)
operation.changes(
    "/tickets/{ticket_id}/assign",
    "Assign a ticket",
    ticket_handling.AssignTicket,
    examples=[{"collaborator_id": "33333333-3333-4333-8333-333333333333"}, {"collaborator_id": None}],
    offers={"assign": not_closed},
)
operation.changes(
    "/tickets/{ticket_id}/dismiss",
    "Dismiss a ticket",
    ticket_handling.DismissTicket,
    examples=[{"reason": "advertising"}, {"reason": "other", "note": "Erreur de destinataire"}],
    offers={"dismiss": in_hand},
)
operation.changes(
    "/tickets/{ticket_id}/bring-back",
    "Bring a ticket back",
    ticket_handling.BringBackTicket,
    offers={"bring_back": lambda ticket: here(ticket) and not in_hand(ticket)},
)
operation.creates(
    "/tickets/{ticket_id}/comments",
    "Comment on a ticket",
    ticket_handling.CommentOnTicket,
    new="comment_id",
    location="/tickets/{ticket_id}/comments",
    examples=[{"text": "Rappeler après 18 h."}],
    offers={"comment": here},
)
operation.lists("/tickets/{ticket_id}/comments", "A ticket's comments", ticket_comments.of_ticket)
