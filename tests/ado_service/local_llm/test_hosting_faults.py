"""A running process that disk or memory fail: each test in a process of its own, for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ado_service.local_llm.hosted import NF4, NONE, save_lora, save_qst, source_of
from tests.ado_service.local_llm.tiny_models import save_model

pytestmark = pytest.mark.filterwarnings(  # peft asks transformers for it by an older name
    "ignore:.is_gradient_checkpointing:FutureWarning"
)

_LARGE = {
    "hidden_size": 512, "num_attention_heads": 8, "num_hidden_layers": 4, "intermediate_size": 2048,
}  # fmt: skip
"""Of a model whose weights are some 60 MB."""

_CUT_WHILE_LOADED = """
import os, sys
from pathlib import Path
from tests.ado_service.local_llm.hosted import engine_of, said, source_of, tuned
from ado_service.local_llm.quantization import Quantization

folder, file, quantization, method = sys.argv[1:]
base = source_of(Path(folder), Quantization(quantization))
source = base if method == "none" else tuned(base, Path(file).parent, method)
with engine_of(source) as engine:
    before = said(engine)
    os.truncate(file, 100)
    assert said(engine) == before
    Path(file).write_bytes(b"other weights" * 10_000)
    assert said(engine) == before
"""

_SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from tests.ado_service.local_llm.hosted import engine_of, said, source_of
from ado_service.local_llm.errors import ModelMemoryError
from ado_service.local_llm.hosting import Hosting
from ado_service.local_llm.quantization import Quantization

small, large, quantization, spare = sys.argv[1:]
hosting, form = Hosting("cpu"), Quantization(quantization)
with engine_of(source_of(Path(small), form), hosting) as engine:
    before = said(engine)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(spare) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        with engine_of(source_of(Path(large), form), hosting):
            print("it fits")
    except ModelMemoryError as error:
        print(error)
    assert said(engine) == before
"""


def _run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A process with one thread for numerics, so that its memory does not depend on the cores."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("form", [NONE, NF4])
def test_weights_that_are_overwritten_do_not_harm_a_model_that_is_loaded(
    tmp_path: Path, form: object
) -> None:
    folder = save_model(tmp_path / "model", "llama")
    done = _run(_CUT_WHILE_LOADED, folder, folder / "model.safetensors", form, "none")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("method", "file"), [("qst", "adapter.safetensors"), ("lora", "adapter_model.safetensors")]
)
def test_a_tuning_that_is_overwritten_does_not_harm_the_loaded_one(
    tmp_path: Path, method: str, file: str
) -> None:
    folder = save_model(tmp_path / "model", "llama")
    save = save_qst if method == "qst" else save_lora
    tuning = save(source_of(folder), tmp_path / "tuning").folder
    done = _run(_CUT_WHILE_LOADED, folder, tuning / file, NONE, method)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("form", [NONE, NF4])
@pytest.mark.parametrize("spare", [1, 40, 100])
def test_a_model_that_memory_has_no_room_for_is_refused_and_the_others_stay(
    tmp_path: Path, form: object, spare: int
) -> None:
    small = save_model(tmp_path / "small", "llama")
    large = save_model(tmp_path / "large", "llama", **_LARGE)
    done = _run(_SHORT_OF_MEMORY, small, large, form, spare)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{large} does not fit in the memory of cpu (it ran out while loading)" in done.stdout
    assert "use a smaller model or free memory" in done.stdout
