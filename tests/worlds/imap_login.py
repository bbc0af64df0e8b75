"""A mailbox that lets one person in and lists its folders, and ways in which it may misbehave."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FOLDERS = (
    '* LIST (\\HasNoChildren) "/" INBOX',
    '* LIST (\\HasNoChildren \\Sent) "/" "Gesendete Elemente"',
    '* LIST (\\HasNoChildren) "/" "a \\"quoted\\" one"',
)


class Mailbox:
    """Ada's, with her password s3cret or her token t0ken."""

    greeting = b"* OK hello\r\n"
    capabilities = "IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2"
    folders = FOLDERS
    flood = False

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self.port = 0
        self.secrets: list[bytes] = []
        self.commands: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        while line := await reader.readline():
            tag, _, text = line.decode().strip().partition(" ")
            self.commands.append(text.split(" ")[0])
            await self.answer(tag, text, reader, writer)

    async def answer(self, tag: str, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb = text.split(" ")[0]
        if verb == "CAPABILITY":
            writer.write(f"* CAPABILITY {self.capabilities}\r\n{tag} OK\r\n".encode())
        elif verb == "STARTTLS" and self.context:
            writer.transport.pause_reading()
            writer.write(f"{tag} OK go\r\n".encode())
            await writer.start_tls(self.context)
        elif verb == "AUTHENTICATE":
            writer.write(b"+ \r\n")
            await self.let_in(tag, base64.b64decode(await reader.readline()), reader, writer)
        elif verb == "LOGIN":
            good = text == 'LOGIN "ada" "s3cret"'
            writer.write(f"{tag} {'OK' if good else 'NO [AUTHENTICATIONFAILED] wrong'}\r\n".encode())
        elif verb == "LIST":
            if self.flood:
                writer.write(b'* LIST () "/" x\r\n' * 5_000)
            writer.write("".join(f"{line}\r\n" for line in self.folders).encode() + f"{tag} OK\r\n".encode())
        elif verb == "LOGOUT":
            writer.write(f"* BYE\r\n{tag} OK\r\n".encode())
        else:
            writer.write(f"{tag} BAD what?\r\n".encode())

    async def let_in(self, tag: str, secret: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.secrets.append(secret)
        if secret in (b"\0ada\0s3cret", b"user=ada\1auth=Bearer t0ken\1\1"):
            writer.write(f"{tag} OK in\r\n".encode())
            return
        if secret.startswith(b"user="):
            writer.write(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
            await reader.readline()
        writer.write(f"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n".encode())


@asynccontextmanager
async def imap(mailbox: Mailbox, tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """It listens on loopback."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            await mailbox.serve(reader, writer)
        writer.transport.abort()
        tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
