from __future__ import annotations

import pytest

from circuits.definition import Circuit, Corner
from simulators.farm.parcel import Parcel
from simulators.farm.shelf import Shelf
from simulators.netlist.deck import build_decks
from simulators.ngspice.errors import SimulatorClosedError
from tests.simulators.battery import alive, until
from tests.simulators.small import DIVIDER, circuit


def parcel(ohms: int = 1000) -> Parcel:
    found: Circuit = circuit(DIVIDER.replace("1k", str(ohms)))
    return Parcel.of(found, build_decks(found), 30.0, None)


def use(shelf: Shelf, one: Parcel, pool: str = "p") -> int:
    """Simulate a design; the host that did it."""
    with shelf.lent(one, pool) as simulator:
        [result] = simulator.run([{"r": 1e3}])
        assert result.failure is None
        [pid] = simulator.host_pids()
    return pid


def test_a_parcel_holds_all_that_a_worker_needs() -> None:
    assert parcel(1000).name != parcel(2000).name
    contents = parcel().open()
    assert contents.circuit == circuit(DIVIDER.replace("1k", "1000"))
    [sent], [built] = contents.decks, build_decks(contents.circuit)
    assert sent.lines({"r": 2e3}, Corner()) == built.lines({"r": 2e3}, Corner())


def test_a_circuit_that_comes_again_finds_its_host_warm() -> None:
    shelf = Shelf(idle=2)
    try:
        first, other = use(shelf, parcel(1000)), use(shelf, parcel(2000))
        assert use(shelf, parcel(1000), pool="q") == first
        assert sorted(shelf.host_pids()) == sorted([first, other])
    finally:
        shelf.close()
    until(lambda: not alive(first) and not alive(other))


def test_those_that_waited_longest_are_closed() -> None:
    shelf = Shelf(idle=2)
    try:
        pids = [use(shelf, parcel(ohms)) for ohms in (1000, 2000, 3000, 4000)]
        assert sorted(shelf.host_pids()) == sorted(pids[2:])
        until(lambda: not any(alive(pid) for pid in pids[:2]))
    finally:
        shelf.close()


def test_two_that_ask_at_once_get_one_each() -> None:
    shelf = Shelf(idle=2)
    try:
        with shelf.lent(parcel(), "p") as one, shelf.lent(parcel(), "p") as two:
            assert one is not two
    finally:
        shelf.close()


def test_a_recalled_pool_gets_nothing_more_and_leaves_the_others_alone() -> None:
    shelf = Shelf(idle=4)
    try:
        gone, stays = use(shelf, parcel(1000), "p"), use(shelf, parcel(2000), "q")
        shelf.recall("p")
        until(lambda: not alive(gone))
        assert shelf.host_pids() == [stays]
        with pytest.raises(SimulatorClosedError), shelf.lent(parcel(2000), "p"):
            pass
        assert use(shelf, parcel(2000), "q") == stays
    finally:
        shelf.close()


def test_a_simulator_closed_under_its_user_is_not_kept() -> None:
    shelf = Shelf(idle=4)
    try:
        with shelf.lent(parcel(), "p") as simulator:
            shelf.recall("p")
            with pytest.raises(SimulatorClosedError):
                simulator.run([{"r": 1e3}])
        assert use(shelf, parcel(), "q")
    finally:
        shelf.close()
