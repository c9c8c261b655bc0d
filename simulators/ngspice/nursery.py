"""The nursery: a process that has loaded libngspice and forks a host whenever it is asked to.

Run as `python -m simulators.ngspice.nursery PARENT_PID MODULE:CLASS`, the class being the one that
binds libngspice, with a socket as standard input. A fresh Python with its imports and libngspice
takes 100 ms and more, a fork of this one 2. It never sees a netlist.

Each request is one byte and three descriptors: where the host reads, where it writes, and its
lifeline, a socket on which the nursery writes the host's process id and, after its end, its exit
status. A host whose lifeline is closed at the other end is killed. It stays a zombie until then,
so that its id names no other process while the parent may still kill it. The nursery ends, and
all hosts with it, when the socket closes or the parent is gone.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import tempfile
from importlib import import_module

from simulators.ngspice.errors import LibraryMissingError
from simulators.ngspice.host import Loaded, live
from simulators.ngspice.library import NgspiceLibrary

_REQUEST_DESCRIPTORS = 3
_PARENT_SECONDS = 0.2
"""How often the parent is looked for: a process that it forked may hold the socket open."""


def main() -> None:
    """Fork hosts until the parent wants no more."""
    # Given, not asked for: a parent killed while we start would leave us to somebody else.
    parent = int(sys.argv[1])
    control = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)
    _stand_nowhere()
    _Nursery(control, parent).serve()


class _Nursery:
    """The hosts that there are, by process id, and the lifeline of each."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self._control = control
        self._parent = parent
        self._lifelines: dict[int, socket.socket] = {}
        self._ended: set[int] = set()
        self._loaded = _load()
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._alarm = socket.socketpair()

    def serve(self) -> None:
        """Answer requests, tell of ends, end unwanted hosts."""
        self._listen()
        gc.collect()
        gc.freeze()  # a collection in a host would copy all of these pages
        while os.getppid() == self._parent:
            for key, _ in self._selector.select(_PARENT_SECONDS):
                if key.fileobj is self._control:
                    if not self._request():
                        return
                elif key.fileobj is self._wakeup:
                    self._wakeup.recv(4096)
                    self._tell()
                else:
                    self._let_go(key.data)

    def _listen(self) -> None:
        for one in (self._wakeup, self._alarm):
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._selector.register(self._control, selectors.EVENT_READ)

    def _request(self) -> bool:
        """Fork a host; False when nobody will ask any more."""
        try:
            asked, descriptors, _, _ = socket.recv_fds(self._control, 1, _REQUEST_DESCRIPTORS)
        except ConnectionError:
            return False
        if not asked:
            return False
        if self._loaded.library is None:
            self._loaded = _load()  # installed meanwhile?
        requests, answers, lifeline = descriptors
        pid = self._fork(requests, answers)
        os.close(requests)
        os.close(answers)
        self._adopt(pid, socket.socket(fileno=lifeline))
        return True

    def _fork(self, requests: int, answers: int) -> int:
        nursery = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            live(self._loaded, nursery, requests, answers)
            os._exit(0)
        finally:  # an error is nobody's to see here, and nothing of the nursery's is to be undone
            os._exit(1)

    def _adopt(self, pid: int, lifeline: socket.socket) -> None:
        lifeline.setblocking(False)
        self._lifelines[pid] = lifeline
        self._selector.register(lifeline, selectors.EVENT_READ, pid)
        _write(lifeline, f"{pid}\n")

    def _tell(self) -> None:
        """Write the status of hosts that ended to their lifelines, without reaping them."""
        for pid, lifeline in self._lifelines.items():
            if pid in self._ended:
                continue
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                continue
            self._ended.add(pid)
            exited = found.si_code == os.CLD_EXITED
            _write(lifeline, f"{found.si_status if exited else -found.si_status}\n")

    def _let_go(self, pid: int) -> None:
        """Nobody holds this host's lifeline any more."""
        lifeline = self._lifelines.pop(pid)
        self._selector.unregister(lifeline)
        lifeline.close()
        self._ended.discard(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _load() -> Loaded:
    module, _, name = sys.argv[2].partition(":")
    try:
        library: NgspiceLibrary = getattr(import_module(module), name)()
    except LibraryMissingError as error:
        return Loaded(library=None, version="", missing=str(error))
    return Loaded(library=library, version=library.version(), missing="")


def _write(lifeline: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # the other end is closed: that is read next
        lifeline.send(text.encode())


def _stand_nowhere() -> None:
    """Move to a directory that is no more.

    ngspice runs a .spiceinit of its working directory and of HOME, the spinit in SPICE_SCRIPTS,
    which loads code models, and writes files to the working directory: here there is none, there
    can be none, and none is left when we are killed.
    """
    folder = tempfile.mkdtemp(prefix="ado-host-")
    os.chdir(folder)
    os.rmdir(folder)  # noqa: PTH106 - a Path would say no more
    os.environ["HOME"] = os.environ["SPICE_SCRIPTS"] = os.path.join(folder, "none")  # noqa: PTH118


if __name__ == "__main__":
    main()
