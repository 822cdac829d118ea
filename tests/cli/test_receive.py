"""Receiving mail by SMTP, in a process of its own."""

import contextlib
import json
import random
import resource
import signal
import smtplib
import socket
import ssl
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.command_line import errors
from tests.end_to_end.accounts import check_views, digest, stored_for_nothing, tickets
from tests.end_to_end.mailboxes import letter, letters, write_mbox
from tests.waiting import PATIENCE, wait_until

FROM, TO = "luc@essai.example", ["contact@cabinet-essai.example"]


def receiving(office, *arguments):
    """A process that receives mail, and its port."""
    process = office.start("receive", "--port", "0", "--json", *arguments)
    told = json.loads(process.stdout.readline())
    assert told["host"] == "127.0.0.1"
    return process, told["port"]


@contextlib.contextmanager
def connected(port):
    with contextlib.closing(smtplib.SMTP("127.0.0.1", port, "essai.example", PATIENCE)) as client:
        yield client


def send(client, message):
    client.sendmail(FROM, TO, as_sent(message))


def deliver(port, message):
    with connected(port) as client:
        send(client, message)
        client.quit()


def as_sent(message):
    return message.replace(b"\n", b"\r\n")


def stored(message):
    """The digest of a message as it is stored."""
    return digest(f"Return-Path: <{FROM}>\r\n".encode() + as_sent(message))


@pytest.fixture
def staffed(opened):
    """An office with someone in it, who may look at tickets."""
    opened("token", "lea@cabinet.example", "--last-name", "Morel")
    return opened


# --- where it listens -----------------------------------------------------------------------------


def test_it_says_where_it_receives_mail(opened):
    process = opened.start("receive", "--port", "0", "--no-project")
    first, second = process.stdout.readline().decode(), process.stdout.readline().decode()
    assert first.startswith("Greffier receives mail on 127.0.0.1:")
    assert "projections run" in second
    deliver(int(first.rpartition(":")[2]), letter(1))
    with opened.open() as office:
        assert tickets(office) == Counter([stored(letter(1))])
        assert not office.views.views(), "no view was built"


def test_what_it_receives_is_to_be_seen_at_once(staffed):
    _, port = receiving(staffed)
    deliver(port, letter(1))
    listed = wait_until(lambda: staffed.json("tickets", "list")["items"], "the ticket")
    assert [ticket["subject"] for ticket in listed] == ["Lettre n° 1"]


def test_a_port_that_is_taken_is_said(opened):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (line,) = errors(opened("receive", "--port", port, exit_code=1))
    assert line.startswith(f"greffier: can't listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "smtp_port: "),
        (["--certificate", "a.pem"], "smtp_key: "),
        (["--key", "a.pem"], "smtp_key: "),
        (["--require-tls"], "smtp_require_tls: "),
        (["--certificate", "absent.pem", "--key", "a.pem"], "smtp_certificate: there is no file absent.pem"),
        (["--certificate", "a.pem", "--key", "absent.pem"], "smtp_key: there is no file absent.pem"),
        (["--certificate", "a.pem", "--key", "a.pem"], "smtp_certificate, smtp_key: "),
    ],
)
def test_a_setting_that_is_wrong_is_named(opened, apart, arguments, said):
    (apart / "a.pem").write_text("nothing")
    (line,) = errors(opened("receive", *arguments, exit_code=2))
    assert said in line


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(apart):
    """A certificate for 127.0.0.1 and its key: two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (apart / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (apart / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return apart / "certificate.pem", apart / "key.pem"


def test_mail_comes_over_tls(opened, certificate):
    where, key = certificate
    process, port = receiving(opened, "--certificate", where, "--key", key)
    with connected(port) as client:
        client.starttls(context=ssl.create_default_context(cafile=where))
        for number in (1, 2):
            send(client, letter(number, attached=200_000))
        assert "auth" not in client.esmtp_features
        client.quit()
    with connected(port) as distrusting, pytest.raises(ssl.SSLCertVerificationError):
        distrusting.starttls(context=ssl.create_default_context())
    deliver(port, letter(3))
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert b"Traceback" not in process.stderr.read()
    with opened.open() as office:
        expected = [stored(letter(number, attached=200_000)) for number in (1, 2)]
        assert tickets(office) == Counter([*expected, stored(letter(3))])


def test_mail_may_have_to_come_over_tls(opened, certificate):
    where, key = certificate
    _, port = receiving(opened, "--certificate", where, "--key", key, "--require-tls")
    with connected(port) as client:
        client.ehlo()
        assert client.mail(FROM)[0] == 530
        client.starttls(context=ssl.create_default_context(cafile=where))
        send(client, letter(1))
    with opened.open() as office:
        assert tickets(office) == Counter([stored(letter(1))])


# --- what is received -----------------------------------------------------------------------------


def test_a_message_and_its_copy_in_a_mailbox_are_one(opened, apart):
    messages = [*letters(3), letter(4, attached=3_000)]
    write_mbox(messages, apart / "mail.mbox")
    _, port = receiving(opened)
    for message in messages:
        deliver(port, message)
        deliver(port, message)
    assert opened.json("import-mail", "mail.mbox") == {"messages": 4, "duplicate": 4}


def test_what_is_no_message_is_in_quarantine(opened):
    _, port = receiving(opened)
    deliver(port, b"no header")
    (entry,) = opened.json("quarantine", "list")
    assert entry["origin"] == "smtp 127.0.0.1"


def test_a_message_in_unicode_from_an_address_in_unicode(staffed):
    _, port = receiving(staffed)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "zoé@société.example", TO[0], "Été"
    message.set_content("À bientôt.")
    with connected(port) as client:
        client.send_message(message)
    (ticket,) = wait_until(lambda: staffed.json("tickets", "list")["items"], "the ticket")
    assert (ticket["subject"], ticket["from_address"]) == ("Été", "zoé@société.example")


def test_where_nothing_can_be_written_the_sender_tries_again(opened):
    process, port = receiving(opened)
    deliver(port, letter(1))
    limits = resource.prlimit(process.forked, resource.RLIMIT_FSIZE)
    resource.prlimit(process.forked, resource.RLIMIT_FSIZE, (0, limits[1]))
    for message in (letter(2), b"no header"):
        with pytest.raises(smtplib.SMTPDataError) as refused:
            deliver(port, message)
        assert refused.value.smtp_code == 451
    resource.prlimit(process.forked, resource.RLIMIT_FSIZE, limits)
    deliver(port, letter(2))
    with opened.open() as office:
        assert tickets(office) == Counter(stored(letter(number)) for number in (1, 2))
        assert not stored_for_nothing(office)


# --- its end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_finishes_the_message_on_its_way(opened, number):
    process, port = receiving(opened)
    with connected(port) as idle, connected(port) as client:
        idle.ehlo()
        client.ehlo()
        client.mail(FROM)
        client.rcpt(TO[0])
        assert client.docmd("DATA")[0] == 354
        client.send(as_sent(letter(1)))
        process.send_signal(number)
        assert idle.getreply()[0] == 421
        client.send(b".\r\n")
        assert client.getreply()[0] == 250
    assert process.wait(PATIENCE) == 0
    assert not process.stderr.read()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", port)
    with opened.open() as office:
        assert tickets(office) == Counter([stored(letter(1))])


def test_told_twice_it_stops_at_once(opened):
    process, port = receiving(opened)
    with connected(port) as client:
        client.ehlo()
        client.mail(FROM)
        client.rcpt(TO[0])
        assert client.docmd("DATA")[0] == 354
        process.terminate()
        wait_until(lambda: _refuses(port), "the end of listening")
        process.terminate()
        assert process.wait(PATIENCE) == -signal.SIGTERM


def _refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_was_answered_for_is_there_after_a_kill(opened):
    dice, answered = random.Random(7), []
    messages = list(letters(4 * 4 * 40))
    for turn in range(4):
        process, port = receiving(opened)
        enough = len(answered) + dice.randint(5, 40)

        def some(part, turn=turn, port=port):
            with contextlib.suppress(OSError, smtplib.SMTPException), connected(port) as client:
                for message in messages[turn * 4 + part :: 16]:
                    send(client, message)
                    answered.append(message)

        with ThreadPoolExecutor(4) as senders:
            sending = [senders.submit(some, part) for part in range(4)]
            wait_until(lambda enough=enough: len(answered) >= enough, "the moment to kill")
            process.kill()
            process.wait(PATIENCE)
        for one in sending:
            one.result()
        with opened.open() as office:
            held = tickets(office)
        assert set(map(stored, answered)) <= set(held)
    assert len(answered) < len(messages), "some must be cut short"
    _, port = receiving(opened)
    with connected(port) as client:
        for message in messages:
            send(client, message)
    with opened.open() as office:
        assert tickets(office) == Counter(map(stored, messages))
        office.catch_up()
        check_views(office)
