"""Verbs of channels, the queues between programs: send, recv."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import ChannelFull, MeshTimeout
from .json_values import argument_value, plain
from .keys import VALUES
from .output import Output, bare_value
from .taking_part import Deadline, joined, reached
from .verb import Exit, Stop, Verb
from .watching import count

if TYPE_CHECKING:
    from ..blocking import BlockingMesh


def run_send(arguments: Namespace, output: Output) -> int:
    """Send one message, and stay until it was consumed: it waits with its sender and nowhere else."""
    data = [argument_value(word) for word in arguments.data]
    with _sending(arguments) as (mesh, left_s):
        channel = mesh.channel(arguments.name, "subscribe" if arguments.all else "take")
        try:
            channel.send(*data, wait=True, timeout=left_s)
        except (MeshTimeout, ChannelFull):
            raise Stop(
                Exit.TIMED_OUT,
                f"nobody took the message from {arguments.name!r} within {arguments.timeout or left_s or 0:g} s, "
                "so it was withdrawn; --wait waits for somebody",
            ) from None
    if output.as_json:
        output.document({"channel": arguments.name, "mode": channel.mode})
    return Exit.OK


@contextmanager
def _sending(arguments: Namespace) -> Iterator[tuple[BlockingMesh, float | None]]:
    """Take part, and yield how many seconds are left; with --wait, as many as it takes, though nobody is there yet."""
    if not arguments.wait:
        with reached(arguments) as (mesh, deadline):
            yield mesh, max(0.05, deadline.left_s())
        return
    until = None if arguments.timeout is None else Deadline(arguments.timeout)
    with joined(arguments) as mesh:
        yield mesh, None if until is None else until.left_s()


def run_recv(arguments: Namespace, output: Output) -> int:
    """Print messages as they come; each is consumed once it is printed."""
    wanted, got = arguments.count, 0
    until = None if arguments.timeout is None else Deadline(arguments.timeout)
    with joined(arguments) as mesh:
        channel = mesh.channel(arguments.name, "subscribe" if arguments.all else "take").subscribe()
        if not mesh.peers:
            output.hint(f"no other peer of the mesh {mesh.name!r} is there yet; waiting for one")
        while got != wanted:
            try:
                with channel.taking(None if until is None else until.left_s()) as message:
                    if output.as_json:
                        output.document(plain(message))
                    else:
                        output.line(bare_value(message))
            except MeshTimeout:
                break
            got += 1
    if wanted is not None and got < wanted:
        raise Stop(Exit.TIMED_OUT, f"{got} of {wanted} messages came within {arguments.timeout:g} s")
    return Exit.OK


def _describe_send(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the channel")
    parser.add_argument("data", metavar="DATA", nargs="*", default=[], help="what to send; several arrive as a tuple")
    parser.add_argument("--wait", action="store_true", default=False, help="wait for as long as nobody takes it")
    _describe_mode(parser, "to whoever takes it first (default)", "to all who receive with --all when it is sent")


def _describe_recv(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the channel")
    parser.add_argument("-n", "--count", type=count, default=None, metavar="N", help="stop after so many messages")
    _describe_mode(parser, "messages that nobody else gets (default)", "every message that is sent with --all")


def _describe_mode(parser: ArgumentParser, take: str, everybody: str) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--take", action="store_true", default=False, help=take)
    mode.add_argument("--all", action="store_true", default=False, help=everybody)


VERBS = (
    Verb(
        "send",
        "send a message through a channel",
        run_send,
        _describe_send,
        "Ends once it was consumed, for a message waits with its sender and nowhere else: a receiver must be\n"
        "there, or come within --timeout; else it is withdrawn, and this exits with 4.  What is sent with --all\n"
        f"while nobody receives reaches nobody, and that is no error.\n\n{VALUES}",
        timeout="seconds to find a peer, and for somebody to take it (default: 3, or with --wait none)",
    ),
    Verb(
        "recv",
        "print messages of a channel",
        run_recv,
        _describe_recv,
        "One line a message, in the order of its sender; with --json, one JSON value a line.  Each is consumed\n"
        "once it is printed: if this ends before, another receiver gets it.  With -n, exits with 4 if --timeout\n"
        "ends it first; without, the timeout is its end and it exits with 0.",
        timeout="seconds after which to stop (default: never)",
    ),
)
