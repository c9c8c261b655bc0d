"""From designs on record to examples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ado_service.job_config import JobConfig
from ado_service.jobs.asked import SubmissionError
from ado_service.jobs.submit import submit
from ado_service.llm.chat import Message
from ado_service.proposers.llm_agent import LLMAgent
from ado_service.proposers.protocol import History
from ado_service.store.design_record import DesignOutcome, NewDesign
from ado_service.store.job_record import JobState
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.question import Question, in_hindsight
from ado_service.tunings.sources import find_jobs, subjects_of
from ado_service.tunings.subject import Subject
from circuits.definition import Circuit, Corner
from circuits.fom import judge
from circuits.spec import Spec
from prompts.parse import parse_answer
from simulators.corners import worst_corner
from simulators.result import CornerResult, SimulationResult
from tests.ado_service.tunings.conftest import Scene
from tests.ado_service.tunings.scene import circuit, run_job, specs


def subject_of(scene: Scene) -> Subject:
    [subject] = subjects_of(scene.store, find_jobs(scene.store, ["divider"]))
    return subject


def trained(data: DataSet, count: int = 200) -> list[Question]:
    return [data.question(step, place) for step in range(count // 4) for place in range(4)]


def test_answers_are_better_than_what_is_shown(scene: Scene) -> None:
    data = DataSet.split([subject_of(scene)], 3)
    seen = trained(data)
    for one in seen:
        known = {id(design.values): design for design in data.parts[0].subject.designs}
        answers = [known[id(values)].judged(one.specs).verdict.rank for values in one.answers]
        shown = [demonstration.verdict.rank for demonstration in one.shown]
        assert shown == sorted(shown, reverse=True)
        assert all(rank < answers[0] for rank in shown)
        read = parse_answer(one.answer, one.circuit)
        assert len(read.designs) == len(one.answers)
        assert not read.problems
        for said, meant in zip(read.designs, one.answers, strict=True):
            assert all(abs(said[name] / meant[name] - 1) < 0.006 for name in meant)
    assert {len(one.answers) for one in seen} >= {1, 2, 3}
    assert {len(one.shown) for one in seen} == {0, 1, 2, 3, 4, 5}


def test_hindsight_asks_for_what_the_answer_reached(scene: Scene) -> None:
    subject = subject_of(scene)
    rng = np.random.default_rng(1)
    for anchor in range(0, 48, 3):
        one = in_hindsight(subject, anchor, range(48), rng)
        judged = subject.designs[anchor].judged(one.specs)
        assert judged.verdict.feasible
        assert one.answers[0] == subject.designs[anchor].values
        for spec in one.specs:  # a spec as the circuit's author could have written it
            assert spec == type(spec).model_validate(spec.model_dump())


def test_specs_in_hindsight_are_met_in_every_corner_that_counts(scene: Scene) -> None:
    hot = Corner(name="hot", temperature=125)
    cornered = circuit("cornered").model_copy(update={"corners": (Corner(), hot)})
    only = {"corners": ("nominal",)}
    nominal = tuple(one.model_copy(update=only) for one in specs(0.5))
    for place, asked in enumerate((nominal, specs(0.5))):
        record(scene, cornered, asked, 1e3 * (1 + place))
    [subject] = subjects_of(scene.store, find_jobs(scene.store, ["cornered"]))
    assert len(subject.answers()) == 6
    rng = np.random.default_rng(5)
    for anchor in subject.answers() * 20:
        one = in_hindsight(subject, anchor, range(6), rng)
        corners = subject.designs[anchor].result.corners
        for spec in one.specs:
            counted = [name for name in corners if spec.holds_in(name)]
            assert all(spec.met(corners[name].metrics[spec.metric]) for name in counted)


def record(scene: Scene, what: Circuit, asked: tuple[Spec, ...], s: float) -> None:
    """A finished job with three designs, on record as its own specs judge them."""
    config = JobConfig(method="random", budget=3, specs=asked, objective="fom")
    job, _ = submit(scene.store, scene.settings, what, config)
    lease = scene.store.leases.claim("test", 60, job.id)
    assert lease is not None
    for place, gain in enumerate((0.2, 0.3, 0.4)):
        values = {"r": 1e3 * (1 + place), "s": s}
        new = NewDesign(index=place, round=0, stage="initial", proposer="random", values=values)
        [design] = scene.store.designs.add_pending(lease, [new])
        scene.store.designs.finish(lease, design.id, cornered_outcome(asked, gain))
    scene.store.leases.release(lease, JobState.FINISHED)


def cornered_outcome(asked: tuple[Spec, ...], gain: float) -> DesignOutcome:
    """What a job puts on record: in the heat there is half the gain, for twice the current."""
    corners = {
        "nominal": CornerResult(metrics={"gain": gain, "drawn": 1e-5}),
        "hot": CornerResult(metrics={"gain": gain / 2, "drawn": 2e-5}),
    }
    result = SimulationResult(corners=corners)
    metrics = worst_corner(result, asked)
    found = judge(metrics, asked)
    return DesignOutcome(
        metrics=metrics, corners=corners, fom=found.fom, specs_met=found.specs_met,
        specs_total=found.specs_total, feasible=found.feasible,
    )  # fmt: skip


def test_the_prompt_is_the_agents(scene: Scene) -> None:
    subject = subject_of(scene)
    one = in_hindsight(subject, 5, range(48), np.random.default_rng(2), shown=5, asked=1)
    said: list[Message] = []

    class Listener:
        def complete(self, turn: int, messages: list[Message], schema: object) -> object:
            said.extend(messages)
            raise InterruptedError

        def judged(self, *_: object) -> None: ...

    history = History(subject.circuit, one.specs, observations=one.shown)
    with pytest.raises(InterruptedError):
        LLMAgent(Listener()).ask(history, 1, 0)  # type: ignore[arg-type]
    assert [(m.role, m.content) for m in said] == [tuple(m) for m in one.messages]


def test_what_is_held_out_is_never_trained_on(scene: Scene) -> None:
    data = DataSet.split([subject_of(scene)], 3)
    [part] = data.parts
    held_out = {id(part.subject.designs[place].values) for place in part.held_out}
    seen = trained(data)
    assert len(held_out) == 5
    for one in seen:
        assert not held_out & {id(values) for values in one.answers}
        assert not held_out & {id(shown.values) for shown in one.shown}
        assert one.specs != part.held_out_specs
    assert part.held_out_specs in {specs(0.3), specs(0.6)}
    assert {one.specs for one in seen} & {specs(0.3), specs(0.6)}, "the other set is trained on"
    kinds = data.held_out()
    assert {kind: len(some) for kind, some in kinds.items()} == {"designs": 5, "spec_sets": 5}
    assert all(id(one.answers[0]) in held_out for one in kinds["designs"])
    assert all(one.specs == part.held_out_specs for one in kinds["spec_sets"])
    assert data.held_out() == kinds


def test_one_circuit_of_several_is_held_out(scene: Scene) -> None:
    run_job(scene.store, scene.settings, circuit("other"), 0.5, budget=12)
    jobs = find_jobs(scene.store, ["divider", "other"])
    data = DataSet.split(subjects_of(scene.store, jobs), 1)
    assert data.other is not None
    assert data.other.circuit.name == "other"
    assert {part.subject.circuit.name for part in data.parts} == {"divider"}
    assert {one.circuit.name for one in data.held_out()["circuits"]} == {"other"}


def test_failed_designs_are_shown_and_never_the_answer(scene: Scene) -> None:
    subject = subject_of(scene)
    failed = SimulationResult(corners={"nominal": CornerResult(metrics={"gain": None, "drawn": 0})})
    broken = tuple(
        replace(one, result=failed, failure="no_convergence") for one in subject.designs[:16]
    )
    skipped = tuple(
        replace(one, result=one.result.model_copy(update={"skipped": ("hot",)}))
        for one in subject.designs[16:20]
    )
    mixed = Subject(subject.circuit, broken + skipped + subject.designs[20:], subject.spec_sets)
    assert mixed.answers() == list(range(20, 48))
    seen = trained(DataSet.split([mixed], 1))
    bad = {id(one.values) for one in broken + skipped}
    assert not bad & {id(values) for one in seen for values in one.answers}
    prompts = [one.messages[1].content for one in seen]
    assert any("Simulation: failed (no_convergence)" in prompt for prompt in prompts)


def test_the_seed_decides(scene: Scene) -> None:
    subject = subject_of(scene)
    one, same, other = (DataSet.split([subject], seed) for seed in (1, 1, 2))
    assert trained(one, 12) == trained(same, 12)
    assert trained(one, 12) != trained(other, 12)
    assert json.loads(one.question(0, 0).answer)["designs"]


def test_too_few_designs_are_counted(scene: Scene) -> None:
    few = run_job(scene.store, scene.settings, circuit("few"), 0.5, budget=6)
    with pytest.raises(SubmissionError, match=r"6 of the 6 designs .* and 10 are needed"):
        DataSet.split(subjects_of(scene.store, find_jobs(scene.store, [few])), 1)


def test_sources_that_are_none_are_named(scene: Scene) -> None:
    with pytest.raises(SubmissionError, match=r"sources.1: no job and no circuit 'nothing'"):
        find_jobs(scene.store, [scene.jobs[0], "nothing"])
    with pytest.raises(SubmissionError, match="no job on two_stage_amplifier has finished"):
        find_jobs(scene.store, ["two_stage_amplifier"])
    queued, _ = submit(scene.store, scene.settings, circuit(), JobConfig(method="random"))
    with pytest.raises(SubmissionError, match=f"job {queued.id} is queued. Wait"):
        find_jobs(scene.store, [queued.id])
    found = find_jobs(scene.store, [scene.jobs[0], "divider"])
    assert sorted(job.id for job in found) == list(scene.jobs), "each job once"
