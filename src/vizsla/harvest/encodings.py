"""
What did the server send before it was chunked and compressed?

Pure. Output is bounded whatever the input says: a megabyte of gzip can hold a gigabyte of zeros.
"""

import io
import zlib
from collections.abc import Callable

import brotli
from fastwarc.stream_io import ZstdReader

MAX_LAYERS = 3
PIECE = 16 << 10


def dechunked(body: bytes) -> bytes:
    """
    *body* without HTTP chunk framing (RFC 9112 7.1).

    A body without framing comes back as it is: many archivers take the framing off and leave the header. One that ends
    early or goes wrong gives what was whole until there.
    """
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 1_024)
        size = _chunk_size(body[at:end]) if end >= 0 else None
        if size is None:
            return b"".join(parts) if at else body
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
        if at > len(body):
            return b"".join(parts)


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 8:
        return None
    try:
        return int(digits, 16) if digits.isalnum() else None
    except ValueError:
        return None


def inflated(body: bytes, encodings: str, limit: int) -> bytes | None:
    """
    *body* with the *encodings* of a Content-Encoding header taken off, at most *limit* bytes of it.

    None for what does not decode. Text under an untrue header comes back as it is: proxies and archivers decode bodies
    and keep the header.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    layers = [name.removeprefix("x-") for name in names if name not in {"", "identity"}]
    if len(layers) > MAX_LAYERS:
        return None
    for name in reversed(layers):
        decoder = _DECODERS.get(name)
        if decoder is None:
            return body if _is_text(body) else None
        try:
            plain = decoder(body, limit)
        except (zlib.error, brotli.error, OSError, EOFError, ValueError):
            plain = b""
        if plain:
            body = plain
        elif not _is_text(body):
            return None
    return body


def _is_text(body: bytes) -> bool:
    return b"<" in body[:1_024] and b"\0" not in body[:1_024]


def _gunzip(body: bytes, limit: int) -> bytes:
    return _inflate(body, 31, limit)


def _undeflate(body: bytes, limit: int) -> bytes:
    # "deflate" means the zlib format (RFC 9110 8.4.1.2), yet some servers send it raw.
    return _inflate(body, 15, limit) or _inflate(body, -15, limit)


def _inflate(body: bytes, window_bits: int, limit: int) -> bytes:
    """As much as decodes: a wrong checksum at the end, or an end that is missing, does not make a page worthless."""
    stream = zlib.decompressobj(window_bits)
    parts: list[bytes] = []
    left = limit
    trailer = max(0, len(body) - 8)  # apart from the rest: what it finds wrong must not take the last piece with it
    for start, end in [*((at, min(at + PIECE, trailer)) for at in range(0, trailer, PIECE)), (trailer, len(body))]:
        try:
            part = stream.decompress(body[start:end], left)
        except zlib.error:
            break
        parts.append(part)
        left -= len(part)
        if left <= 0 or stream.eof:
            break
    return b"".join(parts)


def _unbrotli(body: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    parts = [stream.process(body, output_buffer_limit=limit)]
    size = len(parts[0])
    while size < limit and not stream.is_finished() and not stream.can_accept_more_data():
        parts.append(stream.process(b"", output_buffer_limit=limit - size))
        size += len(parts[-1])
    return b"".join(parts)[:limit]


def _unzstd(body: bytes, limit: int) -> bytes:
    return bytes(ZstdReader(io.BytesIO(body)).read(limit))


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
