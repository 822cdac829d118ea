"""Mail servers deliver: what is answered with 250 is stored, whatever it says, and nothing else is."""

import asyncio
import contextlib
import io
import re
import smtplib
import socket
import threading
from collections import Counter
from itertools import count
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.databases import StoreUnavailable
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.files import FileStore
from adapters.mail import smtp
from adapters.mail.intake import MailIntake
from adapters.spool import Spool
from domain.tickets.events import TicketReceived
from tests.end_to_end.mailboxes import letter

PATIENCE = 60.0
LIMIT = 40_000
FROM, TO = "luc@essai.example", ["contact@cabinet-essai.example"]
GROUP = b"MAIL FROM:<luc@essai.example>\r\nRCPT TO:<contact@cabinet-essai.example>\r\nDATA\r\n"


class Server:
    """A server in a thread, on a free port."""

    def __init__(self, log, files, desk):
        self.log, self.files, self.desk = log, files, desk
        self.intake = MailIntake(log, files, desk, max_bytes=LIMIT)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    async def _run(self):
        self._loop, self._told_to_stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await smtp.receive(self.intake, self._listening, self._told_to_stop)

    def tell_to_stop(self):
        with contextlib.suppress(RuntimeError):  # it has stopped
            self._loop.call_soon_threadsafe(self._told_to_stop.set)

    def wait(self):
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._listening.close()

    def received(self):
        return [recorded.event for recorded in self.log.events({TicketReceived.topic()})]

    def messages(self):
        """The bytes of each ticket's message."""
        raw = [event.content.raw for event in self.received()]
        return Counter(self.files.read(file.name, bytes.fromhex(file.key)) for file in raw)

    def quarantined(self):
        return [self.files.read(entry.file.name, entry.file.key) for entry in self.desk.all_quarantined()]


@pytest.fixture
def server(log, desk, tmp_path):
    server = Server(log, FileStore(tmp_path / "files"), desk)
    yield server
    server.tell_to_stop()
    server.wait()


@pytest.fixture
def connect(server):
    """Opens connections; they are closed with the test."""
    with contextlib.ExitStack() as opened:
        yield lambda: opened.enter_context(contextlib.closing(smtplib.SMTP("127.0.0.1", server.port, timeout=PATIENCE)))


@pytest.fixture
def client(connect):
    client = connect()
    client.ehlo("essai.example")
    return client


def send(client, content, sender=FROM):
    """Sends these very bytes, and gives the last answer."""
    client.mail(sender)
    client.rcpt(TO[0])
    return data(client, content)


def data(client, content):
    assert client.docmd("DATA")[0] == 354
    client.send(stuffed(content))
    return client.getreply()


def stuffed(content):
    return (
        re.sub(rb"(\A|\r\n)\.", rb"\1..", content)
        + (b"" if not content or content.endswith(b"\r\n") else b"\r\n")
        + b".\r\n"
    )


def as_sent(message):
    return message.replace(b"\n", b"\r\n")


def stored(message, sender=FROM):
    return f"Return-Path: <{sender}>\r\n".encode() + message


# --- what comes in --------------------------------------------------------------------------------


def test_a_message_is_stored_as_it_was_sent_below_its_return_path(server, client):
    dotted = as_sent(letter(1) + b".\n..\n.a\n\nb.\n.\n.\n\n")
    assert send(client, dotted) == (250, b"2.0.0 Stored")
    assert send(client, as_sent(letter(2, attached=9_000)))[0] == 250
    assert server.messages() == Counter([stored(dotted), stored(as_sent(letter(2, attached=9_000)))])


def test_a_message_that_was_here_already_is_stored_once(server, client):
    server.intake.take_in("mail.mbox#1", len(letter(1)), io.BytesIO(letter(1)))
    received = b"Received: from a\r\n\tby b; Mon, 2 Mar 2026 10:00:00 +0100\r\nReceived-SPF: pass\r\n"
    assert send(client, as_sent(letter(1)))[0] == 250
    assert send(client, received + as_sent(letter(1)), sender="autre@essai.example")[0] == 250
    assert server.messages() == Counter([letter(1)])


@pytest.mark.parametrize(("sender", "automatic"), [("", True), (FROM, False)])
def test_without_a_return_path_a_message_is_automatic(server, client, sender, automatic):
    assert send(client, as_sent(letter(1)), sender)[0] == 250
    (event,) = server.received()
    assert event.automatic is automatic


@pytest.mark.parametrize("garbage", [b"", b"\r\n", b"no header\r\n", b"\x00\xff.\x01\r\n", b"\r\n\r\n.\r\n"])
def test_what_is_no_message_goes_to_quarantine_as_it_is(server, client, garbage):
    for _ in range(2):
        assert send(client, garbage)[0] == 250
    assert server.quarantined() == [garbage]
    (entry,) = server.desk.all_quarantined()
    assert entry.origin == "smtp 127.0.0.1"
    assert not server.messages()


@pytest.mark.parametrize(
    "odd",
    [
        b"Subject: x\r\n\r\n" + b"a" * 30_000 + b"\r\n",
        b"Subject: \xe9\x00\x1b\r\n\r\n\x00\n.\n\r.\r\xff\r\n",
        b"X" * 2_000 + b": y\r\n\r\n",
        b"Return-Path: <>\r\nContent-Type: multipart/mixed\r\n\r\n",
        b"From: =?nonsense?b?\xff?=\r\n :\r\n",
    ],
)
def test_no_message_is_refused_for_what_it_says(server, client, odd):
    assert send(client, odd)[0] == 250
    assert [*server.messages(), *server.quarantined()] in ([odd], [stored(odd)])


def test_an_address_and_a_subject_may_be_in_any_script(server, client):
    assert client.has_extn("smtputf8")
    assert client.has_extn("8bitmime")
    message = "From: <zoé@société.example>\r\nSubject: Été\r\n\r\nÀ bientôt.\r\n".encode()
    client.command_encoding = "utf-8"
    client.mail("zoé@société.example", ["SMTPUTF8", "BODY=8BITMIME"])
    client.rcpt("été@cabinet-essai.example")
    assert data(client, message)[0] == 250
    assert server.messages() == Counter([stored(message, "zoé@société.example")])


tokens = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"\n", b"\r", b"x", b".\r\n", b"y" * 1_500]), max_size=12)


@given(tokens.map(b"".join), st.lists(st.integers(1, 40), max_size=8))
@example(b"", [1, 1])
@example(b"\r\n.\r\n", [2, 1, 1, 1, 1])
def test_what_was_sent_comes_out_however_it_is_cut_on_the_way(content, cuts):
    content = content if not content or content.endswith(b"\r\n") else content + b"\r\n"

    async def received():
        reader = asyncio.StreamReader(limit=1_001)
        connection = SimpleNamespace(_reader=reader, _reset_timeout=lambda: None)
        sent = stuffed(content) + b"NOOP\r\n"

        async def arrive():
            at = 0
            for cut in cuts:
                reader.feed_data(sent[at : at + cut])
                at += cut
                await asyncio.sleep(0)
            reader.feed_data(sent[at:])

        arriving = asyncio.create_task(arrive())
        pieces = [piece async for piece in smtp._Connection._pieces(connection)]
        await arriving
        return b"".join(pieces), await reader.readline()

    assert asyncio.run(received()) == (content, b"NOOP\r\n")


# --- size -----------------------------------------------------------------------------------------


def large(size):
    return b"From: luc@essai.example\r\n\r\n" + b"x" * (size - 29) + b"\r\n"


def test_the_limit_is_told_and_a_message_that_declares_more_is_refused_before_it_comes(server, client):
    assert client.esmtp_features["size"] == str(LIMIT)
    assert client.mail(FROM, [f"SIZE={LIMIT + 1}"])[0] == 552
    assert client.mail(FROM, [f"SIZE={LIMIT}"])[0] == 250


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT])
def test_a_message_that_is_larger_than_the_limit_goes_to_quarantine(server, client, monkeypatch, size):
    monkeypatch.setattr(smtp, "_BLOCK", 7_000)
    assert send(client, large(size))[0] == 250
    assert server.quarantined() == [stored(large(size))]
    assert send(client, as_sent(letter(1)))[0] == 250


def test_a_message_without_end_is_refused_once_it_has_one(server, client):
    assert send(client, large(4 * LIMIT + 1)) == (552, b"5.3.4 The message is too large")
    assert send(client, as_sent(letter(1)))[0] == 250
    assert server.messages() == Counter([stored(as_sent(letter(1)))])
    assert not server.quarantined()


# --- what can't be stored -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StoreUnavailable("log", "disk full"), OSError("lucie"), ValueError("lucie")])
def test_a_message_that_cannot_be_stored_is_asked_for_again(server, client, monkeypatch, caplog, error):
    def fails(*_, **__):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "execute_all", fails)
        assert send(client, as_sent(letter(1)))[0] == 451
    assert send(client, as_sent(letter(1)))[0] == 250
    assert server.messages() == Counter([stored(as_sent(letter(1)))])
    said = "the log can't be used now: disk full" if isinstance(error, StoreUnavailable) else type(error).__name__
    assert [record.getMessage() for record in caplog.records] == [f"not received: {said}"]


def test_what_the_quarantine_cannot_take_is_asked_for_again(server, client, monkeypatch):
    def fails(*_):
        raise StoreUnavailable("desk", "disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Desk, "quarantine", fails)
        assert send(client, b"no header\r\n")[0] == 451
    assert send(client, b"no header\r\n")[0] == 250


def test_where_the_temporary_folder_is_full_the_message_is_heard_to_its_end(server, client, monkeypatch):
    monkeypatch.setattr(smtp, "_BLOCK", 5_000)

    def full(*_):
        raise StoreUnavailable("temporary folder", "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "write", full)
        assert send(client, large(30_000))[0] == 451
        assert send(client, large(3_000))[0] == 451
    assert send(client, large(30_000))[0] == 250


@pytest.mark.parametrize("lost", [1, 2])
def test_a_block_that_the_disk_lost_is_not_made_up_for_by_those_after_it(server, client, monkeypatch, lost):
    monkeypatch.setattr(smtp, "_BLOCK", 5_000)
    write, blocks = Spool.write, count(1)

    def full_for_a_moment(spool, data):
        if next(blocks) == lost:
            raise StoreUnavailable("temporary folder", "No space left on device")
        return write(spool, data)

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "write", full_for_a_moment)
        assert send(client, large(12_000))[0] == 451
    server.tell_to_stop()
    server.wait()
    assert server.messages() == Counter()


def test_a_message_that_is_cut_short_is_not_received(server, connect, client):
    for end in (b"", b".", b"\r\n", b"\r\n."):
        cut = connect()
        cut.ehlo("essai.example")
        cut.mail(FROM)
        cut.rcpt(TO[0])
        cut.docmd("DATA")
        cut.send(as_sent(letter(1)).rstrip(b"\r\n") + end)
        cut.close()
    assert send(client, as_sent(letter(2)))[0] == 250
    server.tell_to_stop()
    server.wait()
    assert server.messages() == Counter([stored(as_sent(letter(2)))])


# --- the conversation -----------------------------------------------------------------------------


def test_any_recipient_is_accepted_and_nothing_is_promised_beyond(server, client):
    assert "auth" not in client.esmtp_features
    client.mail(FROM)
    for address in ("postmaster", "loin@ailleurs.example", '"un > deux"@essai.example', "a..b@essai.example"):
        assert client.docmd(f"RCPT TO:<{address}>")[0] == 250
    assert client.docmd("RCPT TO: scanner@essai.example")[0] == 250
    assert client.verify("postmaster@essai.example")[0] == 252
    assert client.docmd("EXPN", "tous")[0] == 502
    assert client.docmd("TURN")[0] == 500


@pytest.mark.parametrize("path", ["<a@essai.example", "<a\x0bb@essai.example>", "<<a@b>>", "a b@essai.example", ""])
def test_an_address_that_is_none_is_refused(client, path):
    assert client.docmd(f"MAIL FROM:{path}")[0] in {501, 553}
    assert client.mail(FROM)[0] == 250


@pytest.mark.parametrize(("command", "code"), [("DATA", 503), ("RCPT TO:<a@b.example>", 503)])
def test_commands_come_in_their_order(client, command, code):
    assert client.docmd(command)[0] == code


def test_data_takes_no_argument(client):
    client.mail(FROM)
    client.rcpt(TO[0])
    assert client.docmd("DATA now")[0] == 501


def test_a_message_has_a_largest_number_of_recipients(client, monkeypatch):
    monkeypatch.setattr(smtp, "_RECIPIENTS", 2)
    client.mail(FROM)
    assert [client.rcpt(f"{name}@essai.example")[0] for name in "abc"] == [250, 250, 452]
    assert data(client, as_sent(letter(1)))[0] == 250


def test_several_messages_may_be_sent_without_waiting_for_answers(server, client):
    assert client.has_extn("pipelining")
    client.send(b"".join(GROUP + stuffed(as_sent(letter(number))) for number in range(1, 6)) + b"NOOP\r\nQUIT\r\n")
    answers = [client.getreply()[0] for _ in range(5 * 4 + 2)]
    assert answers == [250, 250, 354, 250] * 5 + [250, 221]
    assert server.messages() == Counter(stored(as_sent(letter(number))) for number in range(1, 6))


def test_messages_that_come_side_by_side_are_all_stored(server):
    def deliver(first):
        with smtplib.SMTP("127.0.0.1", server.port, timeout=PATIENCE) as client:
            client.ehlo("essai.example")
            answers.extend(send(client, as_sent(letter(first + more)))[0] for more in range(5))

    answers = []
    threads = [threading.Thread(target=deliver, args=(first,)) for first in (1, 1, 1, 11, 21, 31)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [250] * 30
    numbers = [number for first in (1, 11, 21, 31) for number in range(first, first + 5)]
    assert server.messages() == Counter(stored(as_sent(letter(number))) for number in numbers)


def test_connections_beyond_the_most_are_told_to_come_back(server, client, monkeypatch):
    monkeypatch.setattr(smtp, "_CONNECTIONS", 1)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as refused:
        assert refused.makefile("rb").readlines() == [b"421 4.3.2 Too many connections, try again later\r\n"]
    assert send(client, as_sent(letter(1)))[0] == 250


def test_a_connection_that_says_nothing_is_closed(server, monkeypatch):
    monkeypatch.setattr(smtp, "_IDLE_SECONDS", 0.01)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as silent:
        assert len(silent.makefile("rb").readlines()) == 1, "the greeting, and the end"


# --- the end --------------------------------------------------------------------------------------


def test_a_server_that_is_told_to_stop_finishes_what_is_on_its_way(server, connect, client):
    idle = connect()
    client.mail(FROM)
    client.rcpt(TO[0])
    client.docmd("DATA")
    client.send(as_sent(letter(1)))
    server.tell_to_stop()
    assert idle.getreply()[0] == 421
    client.send(b".\r\n")
    assert client.getreply()[0] == 250
    assert client.getreply()[0] == 421
    server.wait()
    assert server.messages() == Counter([stored(as_sent(letter(1)))])


def test_a_server_does_not_wait_for_ever_for_the_end_of_a_message(server, client, monkeypatch):
    monkeypatch.setattr(smtp, "_GRACE_SECONDS", 0.01)
    client.mail(FROM)
    client.rcpt(TO[0])
    client.docmd("DATA")
    client.send(as_sent(letter(1)))
    server.tell_to_stop()
    server.wait()
    assert not server.messages()


def test_who_goes_away_before_the_answer_finds_the_message_there_when_coming_back(server, connect, client, monkeypatch):
    begun, may_go_on = threading.Event(), threading.Event()
    execute_all = EventLog.execute_all

    def slow(*given, **more):
        begun.set()
        assert may_go_on.wait(PATIENCE)
        return execute_all(*given, **more)

    gone = connect()
    gone.ehlo("essai.example")
    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "execute_all", slow)
        gone.mail(FROM)
        gone.rcpt(TO[0])
        gone.docmd("DATA")
        gone.send(stuffed(as_sent(letter(1))))
        assert begun.wait(PATIENCE)
        gone.close()
        server.tell_to_stop()
        may_go_on.set()
        server.wait()
    assert server.messages() == Counter([stored(as_sent(letter(1)))])
