"""Messages that mail servers deliver by SMTP (RFC 5321): each is stored before it is answered for.

A message is never refused for what it says, at most for its size; whatever keeps us from storing it is answered with
451, and the server that delivers it tries again. Nothing is relayed, so any recipient is accepted: whoever delivers has
decided which mail is ours.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ssl import SSLContext
from typing import Any, Final, ParamSpec, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.databases import StoreUnavailable
from adapters.mail.intake import MailIntake
from adapters.spool import Spool

_THREADS: Final = 8
"""Messages taken in side by side share appends; taking in those that wait together would win less than twice as much."""
_CONNECTIONS: Final = 100
_RECIPIENTS: Final = 1_000  # RFC 5321 4.5.3.1.8: at least 100
_COMMAND_BYTES: Final = 1_000  # RFC 5321 4.5.3.1.4 asks for 512, and extensions for more
_IDLE_SECONDS: Final = 300.0  # RFC 5321 4.5.3.2.7: at least five minutes
_GRACE_SECONDS: Final = 30.0
_BLOCK: Final = 1 << 18
_REFUSED_ABOVE: Final = 4
"""A message larger than the limit is refused where it is declared to be (RFC 1870), else kept in quarantine as from
anywhere; but not one that is so many times as large: a disk has an end."""

_STORED: Final = "250 2.0.0 Stored"
_TOO_LARGE: Final = "552 5.3.4 The message is too large"
_TOO_MANY_RECIPIENTS: Final = "452 4.5.3 Too many recipients"
_TOO_MANY_CONNECTIONS: Final = b"421 4.3.2 Too many connections, try again later\r\n"
_TRY_AGAIN: Final = "451 4.3.0 It can't be stored now, try again later"
_CLOSING: Final = b"421 4.3.2 The server is stopping, try again later\r\n"

_END: Final = b"\r\n.\r\n"
_FIELD: Final = re.compile(rb"[!-9;-~]+[ \t]*:")
_PATH: Final = re.compile(
    r'\s*(?:<((?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^<>"\x00-\x1f\x7f])*)>|([^<>"\s\x00-\x1f\x7f]+))(.*)',
    re.DOTALL,
)
"""Brackets are forgotten by some devices that send mail, such as scanners."""

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


async def receive(
    intake: MailIntake,
    listening: socket.socket,
    told_to_stop: asyncio.Event,
    *,
    tls: SSLContext | None = None,
    requires_tls: bool = False,
) -> None:
    """Takes in what is delivered to this socket, until it is told to stop; then what is on its way is finished first."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # the library's own would tell who writes to whom
    loop = asyncio.get_running_loop()
    name = socket.gethostname()
    with ThreadPoolExecutor(_THREADS, "deliveries") as threads:
        deliveries = _Deliveries(intake, threads)

        def connection() -> _Connection:
            return _Connection(deliveries, loop=loop, hostname=name, tls_context=tls, require_starttls=requires_tls)

        server = await loop.create_server(connection, sock=listening)
        try:
            await told_to_stop.wait()
        finally:
            server.close()
            await deliveries.finish()


class _Deliveries:
    """What the connections share. The library asks it what to answer, by the names of its methods."""

    def __init__(self, intake: MailIntake, threads: ThreadPoolExecutor) -> None:
        self.intake = intake
        self.stopping = False
        self._threads = threads
        self._connections: set[_Connection] = set()
        self._none_left = asyncio.Event()

    def opened(self, connection: _Connection) -> bytes | None:
        """Why it must be closed at once, if it must."""
        self._connections.add(connection)
        if self.stopping:
            return _CLOSING
        return _TOO_MANY_CONNECTIONS if len(self._connections) > _CONNECTIONS else None

    def closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self.stopping and not self._connections:
            self._none_left.set()

    async def finish(self) -> None:
        """Ends each connection once its message is answered for; those that take too long are cut."""
        self.stopping = True
        for connection in list(self._connections):
            connection.finish()
        if self._connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), _GRACE_SECONDS)
        for connection in list(self._connections):
            connection.abort()

    async def aside(self, do: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What it gives, done in a thread; waits for its end even where the connection is lost meanwhile."""
        running = asyncio.wrap_future(self._threads.submit(do, *arguments, **named))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([running])
            raise

    def take_in(self, origin: str, spool: Spool) -> None:
        size = spool.tell()
        spool.seek(0)
        self.intake.take_in(origin, size, spool)

    async def handle_EHLO(  # noqa: N802  # the library's name
        self, _server: SMTP, session: Session, _envelope: Envelope, host_name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = host_name
        offered = [answer for answer in answers if not answer.startswith("250-AUTH")]  # nobody has an account here
        return [*offered[:-1], "250-PIPELINING", offered[-1]]

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= _RECIPIENTS:
            return _TOO_MANY_RECIPIENTS
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_exception(self, error: Exception) -> str:
        # An error's text may hold what the message says; a store's own does not.
        _log.error("not received: %s", error if isinstance(error, StoreUnavailable) else type(error).__name__)
        return _TRY_AGAIN


class _Connection(SMTP):
    """One connection. The library holds a message in memory, refuses long lines and strange addresses, and counts the
    time that a message takes as idle: hence what is done here instead.
    """

    command_size_limit = _COMMAND_BYTES

    def __init__(self, deliveries: _Deliveries, **how: Any) -> None:
        super().__init__(
            deliveries,
            data_size_limit=deliveries.intake.max_bytes,
            enable_SMTPUTF8=True,
            ident="ESMTP Greffier",
            timeout=_IDLE_SECONDS,
            **how,
        )
        self.command_size_limits = defaultdict(lambda: _COMMAND_BYTES)  # the library's is shared, and emptied, by all
        self._deliveries = deliveries
        self._is_receiving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The library calls it a second time when TLS begins."""
        begins = self.transport is None
        super().connection_made(transport)
        if begins and (refusal := self._deliveries.opened(self)):
            self._end(refusal)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._deliveries.closed(self)

    def finish(self) -> None:
        if not self._is_receiving:
            self._end(_CLOSING)

    def abort(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _end(self, why: bytes) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(why)
            self.transport.close()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address as it stands between its brackets, and what follows; "<>" for none."""
        path = _PATH.fullmatch(arg)
        return (path[1] or path[2] or "<>", path[3]) if path else (None, None)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  # the library's name
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
        elif arg:
            await self.push("501 Syntax: DATA")
        else:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            self._is_receiving = True
            try:
                await self.push(await self._receive(self.envelope))
            finally:
                self._is_receiving = False
                self.envelope = Envelope()
            if self._deliveries.stopping:
                self._end(_CLOSING)

    async def _receive(self, envelope: Envelope) -> str:
        """Stores the message, and gives the answer."""
        peer = self.session.peer if self.session else None
        origin = f"smtp {peer[0]}" if peer else "smtp"
        with Spool() as spool:
            if not await self._spool(spool, envelope):
                return _TOO_LARGE
            await self._deliveries.aside(self._deliveries.take_in, origin, spool)
        return _STORED

    async def _spool(self, spool: Spool, envelope: Envelope) -> bool:
        """Whether the message was not too large. It is heard to its end before anything is answered or raised."""
        most = _REFUSED_ABOVE * self._deliveries.intake.max_bytes
        size = 0
        block = bytearray()
        failure: StoreUnavailable | None = None
        async for piece in self._pieces():
            if not size and _FIELD.match(piece):  # it would make a message of what is none
                block += _return_path(envelope)
            size += len(piece)
            if failure or size > most:
                continue
            block += piece
            if len(block) >= _BLOCK:
                try:
                    await self._deliveries.aside(spool.write, bytes(block))
                except StoreUnavailable as error:
                    failure = error
                block.clear()
        if failure:
            raise failure
        await self._deliveries.aside(spool.write, bytes(block))
        return size <= most

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The message as it was sent, without what SMTP adds (RFC 5321 4.5.2): doubled dots, and the last line."""
        before = b"\r\n"
        is_last = False
        while not is_last:
            self._reset_timeout()
            try:
                piece = await self._reader.readuntil(_END[2:])
            except asyncio.LimitOverrunError as error:
                piece = await self._reader.read(error.consumed)
            raw = before + piece
            before = raw[-2:]
            is_last = raw.endswith(_END)
            yield (raw[: 2 - len(_END)] if is_last else raw).replace(b"\r\n.", b"\r\n")[2:]


def _return_path(envelope: Envelope) -> bytes:
    """What the last server adds (RFC 5321 4.4): it tells mail that no one awaits an answer to, such as a bounce."""
    address = "" if envelope.mail_from == "<>" else envelope.mail_from or ""
    return f"Return-Path: <{address}>\r\n".encode(errors="surrogateescape")
