"""Messages through pipes: a mark, a length, and that many bytes.

Functions can write into any pipe of their process, and processes that they fork can hold it open. So a message without
the mark is an error, no memory is reserved for a length, and the parent does not wait for a process that has ended.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

TICK = 200
"""Milliseconds after which the parent looks whether the other process is still there."""

LONGEST = 1 << 36
"""Maximum length of a message in bytes."""

_HEADER = struct.Struct("<4sQ")
_MARK = b"\x93AXW"
_PIECE = 1 << 20


class Garbled(Exception):
    """Error of a message that the other process did not send: a function has written into the pipe."""


def pack(message: bytes) -> bytes:
    """Return a message with the mark and its length before it."""
    return _HEADER.pack(_MARK, len(message)) + message


def send(stream: BinaryIO, message: bytes) -> None:
    """Write a message."""
    stream.write(pack(message))
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Return the next message.

    Raises
    ------
    EOFError
        The stream ended before or within the message.
    Garbled
        Something else is in the stream.
    """
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    message = stream.read(_length(header))
    if len(message) < _length(header):
        raise EOFError
    return message


def _length(header: bytes | bytearray) -> int:
    mark, length = _HEADER.unpack_from(header)
    if mark != _MARK or length > LONGEST:
        raise Garbled
    return int(length)


class Channel:
    """The parent's ends of the two pipes of a process.

    Parameters
    ----------
    calls, answers : binary file
        Unbuffered.
    is_there : callable
        Returns whether the process has not ended. Called at every tick while nothing can be written or read.
    """

    def __init__(self, calls: BinaryIO, answers: BinaryIO, is_there: Callable[[], bool]) -> None:
        self._calls = calls
        self._answers = answers
        self._is_there = is_there
        self._polls: dict[int, select.poll] = {}
        if sys.platform != "win32":  # where pipes cannot be polled, and processes do not fork
            for stream, event in ((calls, select.POLLOUT), (answers, select.POLLIN)):
                os.set_blocking(stream.fileno(), False)
                poll = self._polls[stream.fileno()] = select.poll()
                poll.register(stream, event)

    def send(self, message: bytes) -> None:
        """Write a message.

        Raises
        ------
        OSError
            The other end is closed.
        EOFError
            The process has ended.
        """
        rest = memoryview(pack(message))
        while rest:
            self._wait(self._calls)
            rest = rest[os.write(self._calls.fileno(), rest) :]

    def receive(self) -> memoryview:
        """Wait for a message and return it.

        Raises
        ------
        EOFError
            The process has ended, or its end is closed.
        Garbled
            Something else is in the pipe.
        """
        found = bytearray()
        while len(found) < _HEADER.size or len(found) < _HEADER.size + _length(found):
            self._wait(self._answers)
            piece = os.read(self._answers.fileno(), _PIECE)
            if not piece:
                raise EOFError
            found += piece
        if len(found) > _HEADER.size + _length(found):
            raise Garbled
        return memoryview(found)[_HEADER.size :]

    def _wait(self, stream: BinaryIO) -> None:
        poll = self._polls.get(stream.fileno())
        while poll is not None and not poll.poll(TICK):
            if not self._is_there():
                raise EOFError

    def close(self) -> None:
        """Close both ends."""
        for stream in (self._calls, self._answers):
            try:
                stream.close()
            except OSError:
                continue
