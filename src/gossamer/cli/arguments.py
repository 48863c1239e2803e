"""The command line's grammar: which verbs there are, and the options that they share."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter

from .. import __version__
from . import calling, channels, demo, doctor, events, keys, peers, setup, simulate, watching
from .verb import Verb, seconds

VERBS: tuple[Verb, ...] = (
    *demo.VERBS,
    *peers.VERBS,
    *keys.VERBS,
    *watching.VERBS,
    *events.VERBS,
    *calling.VERBS,
    *channels.VERBS,
    *doctor.VERBS,
    *simulate.VERBS,
    *setup.VERBS,
)

EXIT_CODES = """\
exit codes: 0 ok; 1 not found, or condition false; 2 usage; 3 no mesh or peer reached;
            4 timed out; 5 refused; 130 interrupted
settings:   an argument, else GOSSAMER_MESH, _SECRET, _SECRET_FILE, _PEERS, _INTERFACE, _PORT, _NAME, _LOG,
            else gossamer.toml (GOSSAMER_CONFIG; here; ~/.config/gossamer), else a default: see `gossamer config`"""


def parser() -> ArgumentParser:
    """Return the grammar; parsed, it has `verb`, the `Verb` to run."""
    whole = ArgumentParser(
        prog="gossamer",
        description="A dict that several programs share, with no server: from the shell.",
        epilog=EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"gossamer {__version__}")
    _add_shared(whole, joins=True, timeout="", hidden=True)
    verbs = whole.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        one = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=verb.details or None,
            formatter_class=RawDescriptionHelpFormatter,
            argument_default=SUPPRESS,
            allow_abbrev=False,
        )
        verb.describe(one)
        _add_shared(one, joins=verb.joins, timeout=verb.timeout, hidden=False)
        one.set_defaults(verb=verb)
    return whole


def _add_shared(parser: ArgumentParser, *, joins: bool, timeout: str, hidden: bool) -> None:
    """Add what every verb takes; `hidden` for the parser before the verb, which also holds the defaults."""

    def add(*names: str, default: object = None, help: str, **more: object) -> None:
        default = default if hidden else SUPPRESS
        shared.add_argument(*names, default=default, help=SUPPRESS if hidden else help, **more)  # type: ignore[arg-type]

    shared = parser.add_argument_group("which mesh") if joins and not hidden else parser
    if joins:
        add("-m", "--mesh", metavar="NAME", help="the mesh's name")
        add("--secret-file", metavar="FILE", help="a file with the mesh's secret, that only you can read")
        add("--peer", metavar="HOST[:PORT]", action="append", help="a peer that multicast does not reach; repeatable")
        add("--interface", metavar="NAME", action="append", help="where to multicast; repeatable")
        add("--port", type=_port, help="of multicast and streams (default: 47474)")
        add("--insecure-lan", action="store_true", default=False, help="without a secret, open to everybody on the LAN")
    shared = parser.add_argument_group("as for every verb") if not hidden else parser
    if timeout or hidden:
        add("--timeout", type=seconds, metavar="S", help=timeout)
    add("--json", action="store_true", default=False, help="print JSON: one document, or a line each while streaming")
    add("-v", "--verbose", action="count", default=0, help="log what happens to stderr; -vv for more")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ArgumentTypeError(f"{text!r} is no port; it is a number from 1 to 65535")
    return int(text)


__all__ = ["VERBS", "Action", "Namespace", "parser"]
