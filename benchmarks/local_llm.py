"""What tuning by QST takes beside QLoRA, LoRA and full fine-tuning: memory, time, loss.

On this CPU, with one thread, on a LLaMA of 30M parameters with random weights (width 512, 8 layers)
and steps of 2 x 512 tokens; QST with r = 16 and rank 16, LoRA and QLoRA with rank 64 on all linear
layers but the head, in the type of the rest, all with the chunked loss of a frozen head:
`memory/qst-vs-qlora`: bytes saved for the backward pass, each storage once, in bfloat16.
`memory/qst-vs-qlora-checkpointed`: weights and peak of a step, each in a process of its own, QST
with its side layers checkpointed against QLoRA with all layers checkpointed.
`step/...`: tokens a second, steps of all configurations taken in turn, in float32 where the CPU
would only emulate bfloat16; `.../bfloat16-emulated`: in bfloat16 all the same.
`cpu/CONFIGURATION`: every figure of each configuration: saved bytes, peak, step, FLOPs, loss.
`loss/qst-vs-qlora`: held-out loss after the same steps on the designs of a circuit, simulated here.
The backbone is trained first, on other circuits, with short prompts (without netlist and hints);
with `--model FOLDER` it is that model, which reads the agent's whole prompt.
`shape/MODEL/BATCHx384`: LLaMA-2 7B, 13B and 70B by fake tensors: weights, gradients and optimizer,
saved bytes, FLOPs; the paper's figures in the detail; `.../checkpointed`: both with checkpointing.
`gpu/...`: with `--device cuda`, and nothing else then: random NF4 weights of those shapes, a
process each, within ten minutes; peak memory and step time. Out of memory is a result.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch

from benchmarks.local_llm_runs import cpu_rows, loss_plan
from benchmarks.local_llm_runs.gpu import left_out_row, on_gpu
from benchmarks.local_llm_runs.kept import kept_rows
from benchmarks.local_llm_runs.losses import loss_row
from benchmarks.local_llm_runs.shape_rows import MODELS, shape_rows
from benchmarks.local_llm_runs.step_times import quicker_dtype
from benchmarks.report import Row, parser, report

_PARTS = ("cpu", "loss", "shape")


def main() -> None:
    """Measure and print."""
    options = _options()
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    rows = _on_gpu(options) if options.device == "cuda" else _on_cpu(options)
    report(rows, options, started)


def _on_cpu(options: argparse.Namespace) -> list[Row]:
    quick, wanted = options.quick, options.only.split(",")
    rows: list[Row] = []
    if "cpu" in wanted:
        rows += cpu_rows.cpu_rows(cpu_rows.QUICK if quick else cpu_rows.FULL)
    if "loss" in wanted:
        plan = loss_plan.QUICK if quick else loss_plan.FULL
        rows.append(loss_row(plan, model=options.model, dtype=quicker_dtype()))
    if "shape" in wanted:
        rows += shape_rows(quick=quick)
    if set(wanted) == set(_PARTS):
        return [*rows, left_out_row()]
    return [*rows, *kept_rows(options.out, rows)]


def _on_gpu(options: argparse.Namespace) -> list[Row]:
    if not torch.cuda.is_available():
        return [left_out_row()]
    models = ("tiny",) if options.quick else options.models.split(",")
    return on_gpu(models, lines=options.lines)


def _options() -> argparse.Namespace:
    found = parser(__doc__ or "")
    found.add_argument("--model", type=Path, metavar="FOLDER", help="backbone of the loss")
    found.add_argument(
        "--only", default=",".join(_PARTS), metavar="PARTS",
        help=f"of {', '.join(_PARTS)}, with commas; rows of others that --out has are kept",
    )  # fmt: skip
    found.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    found.add_argument(
        "--models", default="7b,13b", help=f"with --device cuda: of {', '.join(MODELS)}"
    )
    found.add_argument(
        "--lines", type=Path, metavar="FILE", help="with --device cuda: add a line of JSON each"
    )
    options = found.parse_args()
    if not set(options.only.split(",")) <= set(_PARTS):
        found.error(f"--only {options.only} is not of {', '.join(_PARTS)}")
    unknown = sorted(set(options.models.split(",")) - set(MODELS))
    if unknown:
        found.error(f"unknown models: {', '.join(unknown)}; known: {', '.join(MODELS)}")
    if options.model is not None and not options.model.is_dir():
        found.error(f"--model {options.model} is not a folder; give the folder of a model")
    return options


if __name__ == "__main__":
    main()
