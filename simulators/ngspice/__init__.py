"""The ngspice engine: library binding, host process, pool."""
