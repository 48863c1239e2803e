"""The verb that calls a service of another program: call."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ..errors import NoService, PeerLost, RemoteError, ServiceBusy
from .json_values import argument_value, plain
from .keys import VALUES
from .output import Output, bare_value
from .taking_part import reached
from .verb import Exit, Stop, Verb


def run_call(arguments: Namespace, output: Output) -> int:
    """Call a service and print what it returns."""
    values = [argument_value(text) for text in arguments.argument]
    named = dict(_named(text) for text in arguments.named or ())
    with reached(arguments) as (mesh, deadline):
        try:
            # Names that `call` has uses for itself cannot be given to a service this way.
            result = mesh.call(arguments.service, *values, timeout=deadline.left_s(), peer=arguments.at, **named)
        except NoService as error:
            raise Stop(Exit.FALSE, str(error)) from None
        except RemoteError as error:
            raise Stop(Exit.FALSE, str(error)) from None
        except ServiceBusy as error:
            raise Stop(Exit.REFUSED, str(error)) from None
        except PeerLost as error:
            raise Stop(Exit.UNREACHED, str(error)) from None
    if output.as_json:
        output.document(plain(result))
    else:
        output.line(bare_value(result))
    return Exit.OK


def _named(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name in ("timeout", "peer", "route", "idempotent"):
        raise Stop(Exit.USAGE, f"{text!r} is no NAME=VALUE that a service can be given")
    return name, argument_value(value)


def _describe_call(parser: ArgumentParser) -> None:
    parser.add_argument("service", metavar="NAME", help="what a program serves")
    parser.add_argument("argument", metavar="ARGUMENT", nargs="*", default=(), help="JSON, or else a text")
    parser.add_argument(
        "--with", dest="named", metavar="NAME=VALUE", action="append", default=None, help="an argument by name"
    )
    parser.add_argument("--at", metavar="PEER", default=None, help="the peer that shall answer (default: any)")


VERBS = (
    Verb(
        "call",
        "call a service of another program",
        run_call,
        _describe_call,
        f"Prints what it returns.\n\n{VALUES}\n\nExits with 1 if nobody serves it or it raised an error, with 5 if it "
        "is busy, with 3 if whoever ran it went away, with 4 if it did not answer within --timeout.",
        timeout="seconds to wait for a peer, and for its answer (default: 3)",
    ),
)
