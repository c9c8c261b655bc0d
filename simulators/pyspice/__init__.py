"""PySpice's users at home: its circuits as netlists, its engine as a simulator (extra `pyspice`).

PySpice is GPL-3. Nothing here is imported unless it is asked for.
"""
