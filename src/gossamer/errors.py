"""Every error that gossamer raises on purpose.

    GossamerError
    |- UnsendableValue   TypeError         a value, or something inside it, cannot travel
    |- InvalidKey        TypeError, ValueError    a key of the wrong type, or too long
    |- ValueTooLarge     ValueError        a value above `value_bytes_max`
    |- FrozenValue       TypeError         a container read from a mesh was to be changed in place
    |- Malformed         ValueError        bytes from outside that are not what they claim to be
    |- Refused           ConnectionError   a datagram or a stream that is not of our mesh
    |- SecretError       ValueError        a secret, or its file, that cannot be used
    |- ConfigurationError ValueError       settings that contradict each other or name nothing real
    |- NetworkError      ConnectionError   no socket could be opened, or no peer be reached
    |- MeshClosed        RuntimeError      the mesh was closed
    |- MeshTimeout       TimeoutError      what was waited for did not happen in time
    |- WrongThread       RuntimeError      a blocking call where blocking would wait for itself
    |- ObjectGone        LookupError       an object that was deleted
    |- ForkedMesh        RuntimeError      a trio or asyncio mesh that a fork left without its loop
    |- RemoteError       RuntimeError      what a service raised in another program
    |- NoService         LookupError       nobody serves what was called
    |- ServiceBusy       RuntimeError      a service has too many requests already
    |- PeerLost          ConnectionError   whoever should answer has gone, and may have done its work or not
    |- ChannelFull       RuntimeError      nobody took a channel's messages, so there is no room
    |- ChannelEmpty      LookupError       a channel had nothing, and one did not want to wait
    |- LeaseHeld         TimeoutError      another holds the lease
    |- NoQuorum          TimeoutError      too few voters were reached to grant a lease
    |- LeaseLost         RuntimeError      a lease that is no longer held
    |- StaleToken        RuntimeError      a fenced write under a lease that another has followed
    |- AlreadyShared     RuntimeError      another process of this host shares the mesh
    |- NoPublisher       ConnectionError   no process of this host shares the mesh, so nothing can be written

Each also inherits the built-in that people already catch.  A message says what
happened, why, and what to do.
"""

from __future__ import annotations


class GossamerError(Exception):
    """The base of every error that gossamer raises on purpose."""


class UnsendableValue(GossamerError, TypeError):
    """A value, or something inside it, cannot travel.  Nothing was stored."""


class InvalidKey(GossamerError, TypeError, ValueError):
    """A key is of a type that cannot be one, or longer than 1 KiB encoded.  Nothing was stored."""


class ValueTooLarge(GossamerError, ValueError):
    """A value, encoded, exceeds `Options.value_bytes_max`.  Nothing was stored."""


class FrozenValue(GossamerError, TypeError):
    """A container read from a mesh was to be changed in place, which no other peer would see."""


class Malformed(GossamerError, ValueError):
    """Bytes from the network, or from a file, are not what they claim to be.  They were dropped."""


class Refused(GossamerError, ConnectionError):
    """A datagram or a stream that is not of our mesh, or not fresh."""


class SecretError(GossamerError, ValueError):
    """A secret, or the file that holds it, cannot be used."""


class ConfigurationError(GossamerError, ValueError):
    """Settings contradict each other, or name something that does not exist."""


class NetworkError(GossamerError, ConnectionError):
    """No socket could be opened, or a peer could not be reached."""


class MeshClosed(GossamerError, RuntimeError):
    """The mesh was closed.  What it held can still be read; nothing can be written."""


class MeshTimeout(GossamerError, TimeoutError):
    """What was waited for did not happen in time.  Nothing was undone."""


class ObjectGone(GossamerError, LookupError):
    """An object of `mesh.object` was used after somebody had deleted it."""


class WrongThread(GossamerError, RuntimeError):
    """A call that waits was made where it would wait for itself, as from inside a listener."""


class ForkedMesh(GossamerError, RuntimeError):
    """A trio or asyncio mesh was used in a forked child, where its event loop does not run."""


class RemoteError(GossamerError, RuntimeError):
    """A service raised an error in the program that runs it: its type's name and its message, never its code.

    `type_name`, `message` and `peer` (who ran it) tell it apart; the traceback is in that program's log.
    """

    def __init__(self, type_name: str, message: str, peer: object) -> None:
        super().__init__(type_name, message, peer)
        self.type_name = type_name
        self.message = message
        self.peer = peer

    def __str__(self) -> str:
        return f"{self.type_name} at {self.peer}: {self.message}"


class NoService(GossamerError, LookupError):
    """Nobody that we can see serves what was called.  Nothing was started."""


class ServiceBusy(GossamerError, RuntimeError):
    """Whoever serves it has as many requests waiting as it allows.  Nothing was started: try later, or elsewhere."""


class PeerLost(GossamerError, ConnectionError):
    """Whoever should have answered has gone, after it may have begun: whether it did its work is unknown."""


class ChannelFull(GossamerError, RuntimeError):
    """As many messages as a channel holds were not consumed in time.  This one was not sent."""


class ChannelEmpty(GossamerError, LookupError):
    """A channel had no message for us, and we did not want to wait for one."""


class LeaseHeld(GossamerError, TimeoutError):
    """Another held the lease for as long as we waited.  Try again later, or wait longer."""


class NoQuorum(GossamerError, TimeoutError):
    """Fewer than a majority of the voters answered.  The message names those that did not: see to them."""


class LeaseLost(GossamerError, RuntimeError):
    """The lease is no longer held: stop what it protects, then acquire it again."""


class StaleToken(GossamerError, RuntimeError):
    """A fenced write carries a smaller token than one that was seen here.  Nothing was written: we are late."""


class AlreadyShared(GossamerError, RuntimeError):
    """Another process of this host, or another mesh of this one, shares the mesh already: attach to it."""


class SharedMemoryFull(GossamerError, OSError):
    """There is no room to show the other processes of this host what was written: make some, or set another place."""


class NoPublisher(GossamerError, ConnectionError):
    """No process of this host shares the mesh, or it has gone.  What it had published can still be read."""
