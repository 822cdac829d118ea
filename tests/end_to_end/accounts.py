"""What an office holds, message by message, to be compared with what was given to it."""

import hashlib
import json
from collections import Counter

from adapters.mail.sources import iter_messages
from domain.messages.message import MessageTakenIn
from domain.tickets.events import TicketClassified, TicketContinued, TicketLeftUnfiled, TicketReceived

TOPICS = [cls.topic() for cls in (TicketReceived, TicketContinued, TicketClassified, TicketLeftUnfiled, MessageTakenIn)]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def events(office, *types):
    """Every event of these types in the log."""
    read, position = [], 0
    while (batch := office.log.read(position, 5_000, TOPICS)).last > position:
        position = batch.last
        read += [recorded for recorded in batch.events if isinstance(recorded.event, types)]
    return read


def tickets(office):
    """The digest of each raw message of the tickets, which is opened."""
    raw = [recorded.event.content.raw for recorded in events(office, TicketReceived, TicketContinued)]
    return Counter(digest(office.files.read(file.name, bytes.fromhex(file.key))) for file in raw)


def quarantine(office):
    entries = office.desk.quarantined(limit=10_000)
    return Counter(digest(office.files.read(entry.file.name, entry.file.key)) for entry in entries)


def check_whole(office, given):
    """Every ticket stands once, complete, and the views equal a replay. `given`: the report of an undisturbed import."""
    received = events(office, TicketReceived)
    assert len(received) == len(given["ticket"])
    assert tickets(office) == Counter(given["ticket"] + given["message"]), "each stands once, with its very bytes"
    assert quarantine(office) == Counter(set(given["quarantined"]))
    streams = Counter(recorded.stream_id for recorded in received)
    decided = Counter(recorded.stream_id for recorded in events(office, TicketClassified, TicketLeftUnfiled))
    assert decided.keys() == streams.keys()
    came = Counter(recorded.stream_id for recorded in events(office, TicketReceived, TicketContinued))
    assert Counter(one.event.ticket_id for one in events(office, MessageTakenIn)) == came
    numbers = [recorded.event.number for recorded in received]
    assert len(set(numbers)) == len(numbers)
    office.catch_up()
    check_views(office)


def check_views(office):
    for view in office.engine.status():
        assert (view.state, view.lag) == ("live", 0), view
        assert office.engine.verify(view.name).equal, view.name


def stored_for_nothing(office):
    """The names of stored files that nothing refers to, and of files that were never finished."""
    raw = {recorded.event.content.raw.name for recorded in events(office, TicketReceived, TicketContinued)}
    known = raw | {entry.file.name for entry in office.desk.quarantined(limit=10_000)}
    assert known <= set(office.files.names()), "a file is missing"
    folder = office.settings.data / "files"
    return sorted(set(office.files.names()) - known) + sorted(path.name for path in folder.iterdir() if path.is_file())


def undisturbed(greffier, *paths, report):
    """Imports into an office of its own: the digests of the messages that became tickets, duplicates …"""
    greffier("init", "Cabinet Essai")
    greffier("import-mail", *paths, "--report", report)
    became = [json.loads(line)["outcome"] for line in report.read_text().splitlines()]
    given = {"ticket": [], "message": [], "duplicate": [], "quarantined": []}
    for message, outcome in zip(iter_messages(paths), became, strict=True):
        given[outcome].append(digest(message.file.read()))
    return given
