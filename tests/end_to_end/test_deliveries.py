"""A mailbox that comes shuffled and doubled, by import and SMTP at once, to processes that are killed, and once in peace."""

import contextlib
import json
import random
import shutil
import smtplib
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.mail.fingerprint import content_digest
from adapters.mail.parser import parse_message
from adapters.staff import COMMAND_LINE
from domain.tickets.events import TicketContinued, TicketReceived
from domain.tickets.ticket import Ticket
from tests.correspondence import CABINET, FURNISHING, conversations, deliveries, mailboxes, taken_in, told, written
from tests.end_to_end.accounts import check_views
from tests.end_to_end.mailboxes import write_mbox
from tests.soak import times
from tests.waiting import PATIENCE, wait_until

FROM = "serveur@dehors.example"
SENDERS = 2
NAMES = ("receive", "import-mail")


@pytest.fixture
def furnished_office(offices):
    """Makes copies of one office: they have the same files, and the same secret from which ids derive."""
    first = offices("first")
    first("init", "Cabinet Essai")
    with first.open() as office:
        for command in FURNISHING:
            office.log.execute(command, COMMAND_LINE)

    def copied(name):
        office = offices(name)
        shutil.copytree(first.folder, office.folder)
        return office

    return copied


large = mailboxes(of=(20, 40), ids=12).map(
    lambda letters: [letter._replace(text=f"Lettre {number}") for number, letter in enumerate(letters)]
)
kills = st.lists(st.tuples(st.sets(st.sampled_from(NAMES), min_size=1), st.integers(1, 60)), min_size=1, max_size=2)


@given(st.data())
@settings(max_examples=4, derandomize=True, database=None, phases=[Phase.generate])
def test_letters_are_written_as_they_are_taken_in(data):
    """What the plain model of a letter says is what is read in its bytes."""
    for letter in data.draw(large):
        read, command = parse_message(written(letter)), taken_in(letter)
        assert (read.from_email, read.to, read.message_id) == (letter.sender, letter.to, letter.message_id)
        assert (read.references, read.date, read.automatic) == (letter.references, letter.sent_at, letter.automatic)
        assert (read.forwarded and read.forwarded.email) == letter.original
        assert command.content.forwarded is None or command.content.forwarded.address == letter.original


@given(st.data())
@settings(
    max_examples=times(1, soak=6),
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_troubled_delivery_ends_as_a_quiet_import(furnished_office, apart, data):
    mailbox = data.draw(large)
    order = data.draw(deliveries(mailbox))
    by_smtp = data.draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    name = f"{random.Random(repr(order)).getrandbits(40):x}"
    quiet, troubled = furnished_office(f"quiet-{name}"), furnished_office(f"troubled-{name}")
    write_mbox(map(written, mailbox), apart / f"{name}.mbox")
    quiet("import-mail", apart / f"{name}.mbox")

    deliver(troubled, order, by_smtp, data.draw(kills), apart / f"{name}-part.mbox")

    with quiet.open() as office:
        in_peace = held(office, mailbox)
    with troubled.open() as office:
        assert held(office, mailbox) == in_peace
        office.catch_up()
        check_views(office)


def held(office, mailbox):
    """What the office holds, complete: no letter is lost, and none is doubled."""
    came = list(office.log.events({TicketReceived.topic(), TicketContinued.topic()}))
    numbers = {recorded.event.mail_id: _number(recorded.event.content.text) for recorded in came}
    assert sorted(_number(recorded.event.content.text) for recorded in came) == list(range(len(mailbox)))
    streams = {recorded.stream_id for recorded in came if isinstance(recorded.event, TicketReceived)}
    tickets = [office.log.state(Ticket, stream_id) for stream_id in streams]
    assert len({ticket.number for ticket in tickets}) == len(tickets)
    standing = [ticket for ticket in tickets if ticket.merged_into is None]
    partition = {frozenset(mailbox[numbers[mail.mail_id]] for mail in ticket.mails) for ticket in standing}
    assert partition == conversations(mailbox)
    for recorded in came:
        letter, content = mailbox[numbers[recorded.event.mail_id]], recorded.event.content
        raw = office.files.read(content.raw.name, bytes.fromhex(content.raw.key))
        assert content_digest(raw) == content_digest(written(letter))
        assert (recorded.event.direction, recorded.event.automatic) == (letter.direction, letter.automatic)
    for ticket in standing:
        found = [mail.filing.target for mail in ticket.mails]
        assert ticket.filed_on in found if any(found) else ticket.filed_on is None
    marked = Counter(
        mailbox[numbers[recorded.event.mail_id]].message_id for recorded in came if recorded.event.same_message_id
    )
    return told(standing), marked


def _number(text):
    return int(text.splitlines()[0].removeprefix("Lettre "))


def deliver(office, order, by_smtp, kills, path):
    """Brings the letters, some to a process that imports and the others to one that receives, which are killed and
    started again; what was not answered for is sent again.
    """
    write_mbox((written(letter) for letter, smtp in zip(order, by_smtp, strict=True) if not smtp), path)
    sent = [letter for letter, smtp in zip(order, by_smtp, strict=True) if smtp]
    queues = [deque(sent[part::SENDERS]) for part in range(SENDERS)]
    for killed, moment in [*kills, (set(), 0)]:
        importing = office.start("import-mail", path, "--json")
        receiving = office.start("receive", "--port", "0", "--json")
        processes = dict(zip(NAMES, (receiving, importing), strict=True))
        port = json.loads(receiving.stdout.readline())["port"]
        with office.open() as watched, ThreadPoolExecutor(SENDERS) as senders:
            sending = [senders.submit(send, port, queue) for queue in queues]
            if killed:
                _wait_for(watched.log, watched.log.head() + moment, importing, sending)
            for name in killed:
                processes[name].kill()
        if "import-mail" not in killed:
            assert importing.wait(PATIENCE) == 0
        receiving.terminate()
        receiving.wait(PATIENCE)
    assert not any(queues)


def _wait_for(log, position, importing, sending):
    """Until the log has come so far, or nothing more comes."""
    wait_until(
        lambda: log.head() >= position or (importing.poll() is not None and all(one.done() for one in sending)),
        "the moment to kill",
    )


def send(port, queue):
    """Sends until all is answered for, or the connection breaks."""
    with (
        contextlib.suppress(OSError, smtplib.SMTPException),
        contextlib.closing(smtplib.SMTP("127.0.0.1", port, "essai.example", PATIENCE)) as client,
    ):
        while queue:
            raw = written(queue[0]).replace(b"\n", b"\r\n")
            client.sendmail("" if queue[0].automatic else FROM, [CABINET], raw)
            queue.popleft()
