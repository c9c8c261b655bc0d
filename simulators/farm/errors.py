"""What can be wrong with a farm. No design is to blame for any of it.

    SimulatorError
    ├── FarmExtraMissingError   the packages of the extra `farm` are not installed here
    ├── FarmUnreachableError    no scheduler answers at the address
    ├── FarmVersionError        a worker or the scheduler runs another version than we do
    └── FarmLostError           the scheduler, or every worker, went away

`DaskPool` turns the last one into a new connection, and then into a local pool: it raises it only
when it was told not to fall back.
"""

from simulators.ngspice.errors import SimulatorError


class FarmExtraMissingError(SimulatorError):
    """Dask is not installed; the message says how to install it."""


class FarmUnreachableError(SimulatorError):
    """No scheduler answers at the address."""


class FarmVersionError(SimulatorError):
    """Another version of this package, or of Dask, runs on the farm."""


class FarmLostError(SimulatorError):
    """The farm went away with designs under way."""
