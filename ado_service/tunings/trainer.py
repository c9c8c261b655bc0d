"""Training of a trainee: the same loop for every method, and the same weights for the same seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ado_service.store.tuning_config import TuningConfig
from ado_service.tunings.checkpoint import CheckpointCard, Checkpoints
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.errors import TuningFailed, TuningStopped
from ado_service.tunings.lesson import Reader
from ado_service.tunings.masters import Masters
from ado_service.tunings.trainee import Trainee

_BETAS = (0.9, 0.999)
_LARGEST_NORM = 1.0
_WARM_UP = 0.03
"""Part of the steps in which the learning rate rises; from there on it is constant."""
_GATES_FASTER = 20.0
"""Gates of a side network start where its other weights get no gradient: they must move first."""
_SMOOTH = 0.1
"""Weight of the newest loss in the one that is told."""
_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: steps done, the loss of the last ones smoothed (nats a token), seconds."""

    step: int
    loss: float
    seconds: float


class Trainer:
    """Trains in place, from the last checkpoint where there is one.

    AdamW with a warm-up and clipped gradients, as in QST and QLoRA. What is random in a step
    follows from the seed and the step, so that a resumed tuning ends with the same weights.

    Args:
        trainee: what is trained.
        reader: makes lessons.
        data: what they are made of.
        config: of the tuning.
        checkpoints: where it goes on from.
        backbone: fingerprint of the model.
        digest: hash of the data.
    """

    def __init__(
        self,
        trainee: Trainee,
        reader: Reader,
        data: DataSet,
        config: TuningConfig,
        checkpoints: Checkpoints,
        *,
        backbone: str,
        digest: str,
    ) -> None:
        self._trainee, self._reader, self._data = trainee, reader, data
        self._config, self._checkpoints = config, checkpoints
        self._belongs_to = (config, backbone, digest)
        self._saved = 0  # step of the last checkpoint
        self._masters = Masters(trainee.trained)
        self._rates = {
            name: config.learning_rate * (_GATES_FASTER if name in trainee.gates else 1.0)
            for name in self._masters.weights
        }
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [weight], "lr": self._rates[name], "weight_decay": 0.0}
                for name, weight in self._masters.weights.items()
            ],
            betas=_BETAS,
        )

    def train(
        self,
        told: Callable[[Progress], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
    ) -> Progress:
        """Train to the last step.

        Args:
            told: is called after every step.
            check: is called before every step; where it raises `TuningStopped`, a checkpoint is
                written first.

        Returns:
            The last progress.

        Raises:
            TuningFailed: the loss is no number, or examples are too long.
            OSError: a checkpoint cannot be written or read.
        """
        done = self._resumed()
        self._saved = done.step
        self._trainee.decoder.train()
        while done.step < self._config.steps:
            self._checked(check, done)
            started = time.monotonic()
            loss = self._step(done.step)
            smooth = loss if done.step == 0 else done.loss + _SMOOTH * (loss - done.loss)
            spent = done.seconds + time.monotonic() - started
            done = Progress(done.step + 1, smooth, spent)
            if done.step % self._config.save_every == 0 or done.step == self._config.steps:
                self._save(done)
            told(done)
        self._trainee.decoder.eval()  # type: ignore[no-untyped-call]
        return done

    def _checked(self, check: Callable[[], None], done: Progress) -> None:
        """Whether to go on; nothing of what is done is lost where not."""
        try:
            check()
        except TuningStopped:
            if done.step > self._saved:
                self._save(done)
            raise

    def _step(self, step: int) -> float:
        torch.manual_seed(_seed(self._config.seed, step))  # of dropout
        lesson = self._reader.training(self._data, step, self._config.batch)
        loss = self._trainee.loss(lesson)
        value = float(loss.detach())
        if not value < float("inf"):
            raise TuningFailed(
                f"the loss of step {step + 1} is {value}; take a lower --rate, or a model whose "
                "weights are held in a wider type"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self._masters.take_gradients()
        torch.nn.utils.clip_grad_norm_(self._masters.weights.values(), _LARGEST_NORM)
        rise = min(1.0, (step + 1) / max(1.0, _WARM_UP * self._config.steps))
        for group, rate in zip(self._optimizer.param_groups, self._rates.values(), strict=True):
            group["lr"] = rate * rise
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._masters.write_back()
        return value

    def _save(self, done: Progress) -> None:
        config, backbone, digest = self._belongs_to
        card = CheckpointCard(
            config=config,
            backbone=backbone,
            data=digest,
            step=done.step,
            loss=done.loss,
            seconds=done.seconds,
        )
        tensors: dict[str, Tensor] = {}
        for name, weight in self._masters.weights.items():
            tensors[f"weight/{name}"] = weight
            state = self._optimizer.state.get(weight, {})
            tensors |= {f"{key}/{name}": state[key] for key in _STATE if state}
        self._checkpoints.save(card, tensors)
        self._saved = done.step

    def _resumed(self) -> Progress:
        """Where the last checkpoint of this very tuning left off; the beginning without one."""
        found = self._checkpoints.latest()
        if found is None:
            return Progress(0, 0.0, 0.0)
        card = found.card
        if (card.config, card.backbone, card.data) != self._belongs_to:
            raise TuningFailed(
                f"the checkpoint of step {card.step} belongs to another model or other designs "
                "than are there now; start a new tuning"
            )
        # One weight after the other: all of them at once would take more than training does.
        for name, weight in self._masters.weights.items():
            keys = [key for key in _STATE if f"{key}/{name}" in found.names]
            with found.opened() as tensor:
                self._masters.load(name, tensor(f"weight/{name}"))
                self._optimizer.state[weight] = {
                    # AdamW counts its steps on the CPU.
                    key: tensor(f"{key}/{name}").to(
                        "cpu" if key == "step" else weight.device, copy=True
                    )
                    for key in keys
                }
        self._masters.write_back()
        return Progress(card.step, card.loss, card.seconds)


def _seed(seed: int, step: int) -> int:
    """A 63-bit seed of its own for each step."""
    return (seed * 1_000_003 + step * 7_919 + 1) % 2**63
