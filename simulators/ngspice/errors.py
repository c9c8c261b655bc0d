"""What can go wrong between us and ngspice.

    SimulatorError
    ├── LibraryMissingError    libngspice is not installed
    ├── HostStartError         a host process does not start on this machine
    ├── LibraryExitError       ngspice gave up; its process is of no more use   (host only)
    ├── HostTimeoutError       a task outlasted its time                        (pool only)
    ├── HostDiedError          a host ended in mid-task                         (pool only)
    └── SimulatorClosedError   the simulator was closed

Callers of `NgspiceSimulator` meet the first two and the last: they are this machine's fault, or the
caller's, and no design's. The others become failure kinds.
"""


class SimulatorError(RuntimeError):
    """Any of these."""


class LibraryMissingError(SimulatorError):
    """libngspice is not installed; the message says how to install it."""


class HostStartError(SimulatorError):
    """A host process does not start; the message has what it said."""


class LibraryExitError(SimulatorError):
    """ngspice gave up; the library cannot be used any more in this process."""


class HostTimeoutError(SimulatorError):
    """The task outlasted its time; the host is dead."""


class HostDiedError(SimulatorError):
    """The host ended in the middle of a task."""


class SimulatorClosedError(SimulatorError):
    """The simulator was closed, before or during the run."""
