"""Every process of a host calls `host`: one becomes the peer and publishes, the others attach, and one follows it.

Whoever is attached keeps a stream open to the process that publishes.  When that ends,
however it does, the kernel ends the stream and gives back the lock: of those who then try
to take it one gets it, inherits what was published, and publishes on.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from .attached import TIMEOUT_S, Cache
from .cache.host_lock import Following, HostLock
from .cache.link import Link
from .cache.places import place_of
from .ending import at_the_end_of_a_child
from .errors import AlreadyShared, NoPublisher, SecretError
from .forking import tell_of_forks
from .settings import arguments_of

if TYPE_CHECKING:
    from .arguments import Arguments
    from .blocking import BlockingMesh
    from .options import Options

logger = logging.getLogger("gossamer.cache")

ANSWER_S = 0.25
"""Whoever publishes says hello within this time, or is asked again."""
LOOK_AGAIN_S = 0.02
"""While nobody answers and somebody holds the lock, who is about to publish, it is looked for so often."""


class Hosted(Cache):
    """A `Cache` whose process takes its turn in publishing.  Made by `gossamer.host`."""

    def __init__(self, arguments: Arguments, timeout_s: float) -> None:
        self._arguments = arguments
        self._candidate = _Candidate(arguments)
        self._candidate.wait_until_somebody_publishes(timeout_s)
        super().__init__(arguments.name, timeout_s)
        self._program_key: bytes | None = None
        tell_of_forks(self)
        _open[id(self)] = self
        at_the_end_of_a_child(_close_all)

    @property
    def mesh(self) -> BlockingMesh | None:
        """The mesh, in the process that is the peer of this host; None in the others."""
        return self._candidate.mesh

    def derived_key(self, purpose: str) -> bytes:
        """Return 32 bytes that whoever has the secret of this mesh, and nobody else, derives for this purpose.

        For what a program seals or signs itself.  A mesh without a secret has one of its host and user.  O(1) but
        for the first time, when a passphrase is stretched (0.1 s).  Raises `SecretError` for an `insecure_lan` mesh.
        """
        if self._arguments.insecure_lan:
            raise SecretError(
                f"the mesh {self.name!r} is open to everybody (insecure_lan), so no key of it can be secret; "
                "give it a secret: `gossamer keygen` makes one"
            )
        if self._program_key is None:
            self._program_key = self._arguments.keys().program_key
        return blake2b(purpose.encode(), key=self._program_key, digest_size=32, person=b"gossamer program").digest()

    def close(self) -> None:
        """Write, listen and publish no more: another process of this host takes over.  Again does nothing."""
        super().close()
        self._candidate.stop()

    # -- fork -------------------------------------------------------------------------------------

    def fork_begins(self) -> None:
        """A stream that another thread uses just now is left to the parent: nothing need be waited for."""

    def fork_in_parent(self) -> None:
        """Nothing has changed here."""

    def fork_in_child(self) -> None:
        """The threads that tell of changes, and would take over, are not here: start others."""
        self._revive()
        if not self._closed:
            self._candidate = _Candidate(self._arguments)
            at_the_end_of_a_child(_close_all)


class _Candidate:
    """The thread that publishes, or waits for its turn."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._place = place_of(arguments.name)
        self._link = Link(self._place.socket, timeout_s=ANSWER_S)
        self._following = Following(self._place.lock)
        self._stopping = threading.Event()
        self._decided = threading.Event()
        self._raised: BaseException | None = None
        self.mesh: BlockingMesh | None = None
        self._thread = threading.Thread(target=self._run, name=f"gossamer host {arguments.name}", daemon=True)
        self._thread.start()

    def wait_until_somebody_publishes(self, timeout_s: float) -> None:
        """Return once this process publishes, or is attached to one that does.  Raise what kept it from that."""
        decided = self._decided.wait(timeout_s + self._arguments.options.join_timeout_s)
        if self._raised is not None:
            raise self._raised
        if not decided:
            self.stop()
            raise NoPublisher(f"the process that shares {self._arguments.name!r} on this host does not answer")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if HostLock.is_free(self._place.lock) and self._publish():
                    return
                self._follow()
        except BaseException as error:
            if self._decided.is_set():
                logger.exception("this process takes no turn in sharing %r any more", self._arguments.name)
            self._raised = error
            self._decided.set()
        finally:
            self._leave()

    def _publish(self) -> bool:
        """Be the peer until we are stopped; return False if another was faster."""
        from .blocking import BlockingMesh

        try:
            mesh = BlockingMesh(self._arguments)
        except AlreadyShared:
            return False
        self.mesh = mesh
        self._following.close()
        self._decided.set()
        self._stopping.wait()
        mesh.close()
        self.mesh = None
        return True

    def _follow(self) -> None:
        """Stay attached to whoever publishes, and return when it has ended, or if there is nobody yet."""
        if not self._link.follow():
            self._stopping.wait(LOOK_AGAIN_S)
            return
        self._decided.set()
        try:
            while not self._stopping.is_set():
                self._link.wait_for_news(None)
        except OSError:
            self._link.drop()

    def _leave(self) -> None:
        """Take no more turns; and if the one who published has ended while we were to follow, leave no file behind."""
        self._following.close()
        lock = HostLock.taken(self._place.lock)
        if lock is not None:
            if lock.is_last():
                self._place.sweep()
                self._place.segment.unlink(missing_ok=True)
                self._place.socket.unlink(missing_ok=True)
            lock.close()

    def stop(self) -> None:
        """End; if we publish, in order."""
        self._stopping.set()
        self._link.interrupt()
        if threading.current_thread() is not self._thread:
            self._thread.join(self._arguments.options.linger_s + 2)


def host(
    name: str | None = None,
    *,
    secret: str | None = None,
    peers: Sequence[str] = (),
    interfaces: Sequence[str] | None = None,
    port: int | None = None,
    insecure_lan: bool = False,
    options: Options | None = None,
    nickname: str | None = None,
    timeout: float = TIMEOUT_S,
) -> Hosted:
    """Take part in the mesh `name` together with all processes of this host that call this: they are one peer.

    The first joins, as `gossamer.join` does with these arguments, and shows what it holds in shared memory; all of
    them read it there and write through it.  When it ends, however it does, another takes over within a second, and
    no write is lost that had returned.  Works in servers that fork, in `multiprocessing`, and in programs that
    have nothing to do with each other.
    """
    return Hosted(
        arguments_of(name, secret, peers, interfaces, port, insecure_lan, options, nickname, share=True), timeout
    )


_open: weakref.WeakValueDictionary[int, Hosted] = weakref.WeakValueDictionary()


def _close_all() -> None:
    """Leave in order whatever nobody closed."""
    for hosted in list(_open.values()):
        hosted.close()


atexit.register(_close_all)
