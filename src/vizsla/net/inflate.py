"""
What did the server send before it was compressed, as far as we care to know?

A few KB can inflate to a GB, so a body is inflated piece by piece and never beyond what is still wanted.
"""

import zlib
from typing import Protocol

import brotli

ACCEPT_ENCODING = "gzip, deflate, br"


class UnknownEncoding(ValueError):
    """The content encoding is none that was asked for."""


class Inflater(Protocol):
    """Turns the bytes of the wire into those of the body."""

    def feed(self, data: bytes, limit: int) -> bytes:
        """At most *limit* more bytes of the body. What lies beyond is lost: the caller stops there. Raises ValueError."""
        ...


def inflater_for(content_encoding: str) -> Inflater:
    """The inflater for a Content-Encoding header; raises UnknownEncoding, also for encodings put on top of each other."""
    encoding = content_encoding.strip().lower()
    if encoding in {"", "identity"}:
        return _Identity()
    if encoding in {"gzip", "x-gzip"}:
        return _Zlib(zlib.MAX_WBITS | 16)
    if encoding == "deflate":
        return _Deflate()
    if encoding == "br":
        return _Brotli()
    raise UnknownEncoding(encoding[:40])


def gunzip(data: bytes, limit: int) -> bytes:
    """At most *limit* bytes of a gzip file; of a damaged one, what came before the damage."""
    inflater = _Zlib(zlib.MAX_WBITS | 16)
    out = bytearray()
    try:
        for start in range(0, len(data), 16_384):
            out += inflater.feed(data[start : start + 16_384], limit - len(out))
            if len(out) >= limit:
                break
    except ValueError:
        pass
    return bytes(out)


class _Identity:
    def feed(self, data: bytes, limit: int) -> bytes:
        return data[:limit]


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self._members = 0

    def feed(self, data: bytes, limit: int) -> bytes:
        out = bytearray()
        while data and len(out) < limit:
            try:
                out += self._stream.decompress(data, limit - len(out))
            except zlib.error as error:
                if self._members:
                    break  # what follows a whole member is no member: browsers overlook it, so do we
                raise ValueError(str(error)) from None
            if not self._stream.eof:
                break  # all of the input is in, or the limit is reached
            # RFC 1952 2.2: a file is a series of members. Zero padding after the last one is common.
            self._members += 1
            data = self._stream.unused_data.lstrip(b"\0")
            self._stream = zlib.decompressobj(self._window_bits)
        return bytes(out)


class _Deflate:
    """RFC 9110 8.4.1.2 means the zlib format; some servers send a raw deflate stream, so the first byte decides."""

    def __init__(self) -> None:
        self._inner: _Zlib | None = None

    def feed(self, data: bytes, limit: int) -> bytes:
        if not data:
            return b""
        if self._inner is None:
            self._inner = _Zlib(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        return self._inner.feed(data, limit)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes, limit: int) -> bytes:
        if limit <= 0:
            return b""
        try:
            out = bytearray(self._stream.process(data, output_buffer_limit=limit))
            while len(out) < limit and not self._stream.can_accept_more_data():
                out += self._stream.process(b"", output_buffer_limit=limit - len(out))
        except brotli.error as error:
            raise ValueError(str(error)) from None
        return bytes(out[:limit])
