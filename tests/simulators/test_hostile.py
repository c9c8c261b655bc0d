"""The corpus of hostile and broken decks: each is tried as a circuit, and straight in a host."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.hostile.corpus import CORPUS, SECRET, Hostile, Lair
from tests.simulators.hostile.scene import Scene
from tests.simulators.hostile.scene import scene as set_scene
from tests.simulators.hostile.trial import commands_template, raw_template

COMMANDS = (
    ["shell touch @MARK@"],
    ["echo `touch @MARK@`"],
    ["echo gone > @MARK@", "echo gone >> @CANARY@", "write @MARK@", "wrdata @MARK@ v(out)"],
    ["write mark", "wrdata mark v(out)", "cd @DIR@", "write mark"],
    ["source @EVIL@", "load @CANARY@", "source @CANARY@"],
    ["circbyline *ng_script", "circbyline shell touch @MARK@", "circbyline .end", "run"],
    ["circbyline * x", "circbyline .include @EVIL@", "circbyline .op", "circbyline .end", "run"],
    ["codemodel /usr/lib/x86_64-linux-gnu/ngspice/spice2poly.cm", "osdi @EVIL@"],
    ["set editor=touch", "edit @MARK@", "gnuplot @MARK@ v(out)", "hardcopy @MARK@ v(out)"],
    ["snsave @MARK@", "setcs x=1", "listing > @MARK@", "shell rm @CANARY@"],
    ["bg_run", "shell sleep 100", "rspice", "aspice @EVIL@ @MARK@"],
    ["while 1", "let k = 1", "end"],
    ["quit", "exit 3"],
)  # fmt: skip
"""Worse than any deck: commands to ngspice, a list a run."""


WITHOUT_LINE = {"empty", "title_only", "many_parts"}
"""What is wrong with these is no line's fault."""


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with set_scene() as found:
        yield found


def named(deck: Hostile) -> str:
    return deck.name


def test_the_corpus_is_one() -> None:
    assert len(CORPUS) >= 60
    assert len({deck.attempts for deck in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("deck", CORPUS, ids=named)
def test_as_a_circuit(deck: Hostile, scene: Scene) -> None:
    trial, breaches = scene.as_circuit(deck)
    assert breaches == []
    if trial.outcome == "refused":
        assert trial.places
        assert all(file == "b0.cir" for file, _ in trial.places)
        assert trial.places[0][1] is not None or deck.name in WITHOUT_LINE
    else:
        assert not deck.in_plain, "a deck that does harm got through the allow-list"


@pytest.mark.parametrize("deck", CORPUS, ids=named)
def test_straight_in_a_host(deck: Hostile, scene: Scene) -> None:
    _, breaches = scene.straight(raw_template(deck, scene.lair))
    assert breaches == []


@pytest.mark.parametrize("commands", COMMANDS, ids=lambda commands: commands[0])
def test_commands_straight_to_ngspice(commands: list[str], scene: Scene) -> None:
    aimed = [scene.lair.aim(command) for command in commands]
    _, breaches = scene.straight(commands_template(aimed))
    assert breaches == []


BITING = [deck for deck in CORPUS if deck.in_plain]


@pytest.mark.parametrize("deck", BITING, ids=named)
def test_the_deck_bites_in_plain_ngspice(deck: Hostile, tmp_path: Path) -> None:
    """Without this, decks that do nothing anywhere would pass for contained ones."""
    lair = Lair(tmp_path)
    lair.prepare()
    before = lair.state()
    path = tmp_path / "deck.cir"
    path.write_text(deck.text(lair).replace("{r}", "1k"), encoding="utf-8")
    try:
        ran = subprocess.run(
            ["ngspice", "-b", path.name], cwd=tmp_path, capture_output=True, timeout=2,
            check=False, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        said = (ran.stdout + ran.stderr).decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        said = "does not end"
    path.unlink()
    after = lair.state()
    effects = {
        "creates the mark": "mark" in after,
        "changes the canary": after.get("canary.txt") != before["canary.txt"],
        "tells the secret": SECRET in said,
        "leaves a file": len(after) > len(before),
        "does not end": said == "does not end",
    }
    assert effects[deck.in_plain]
