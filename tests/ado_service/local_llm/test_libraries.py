"""The libraries of local models come in at little cost to the rest of the process."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import gc, json, sys

sys.stderr = open("/dev/null", "w")  # what the libraries say
full = []
gc.callbacks.append(lambda phase, about: full.append((phase, about["generation"])))
from ado_service.local_llm.libraries import import_libraries

del full[:]
import_libraries()
meanwhile = full.count(("start", 2))
import_libraries()
print(json.dumps({
    "meanwhile": meanwhile, "enabled": gc.isenabled(), "kept": gc.get_freeze_count(),
    "known": "transformers" in sys.modules and "bitsandbytes" in sys.modules,
}))
"""


def test_they_are_imported_without_a_collection_that_holds_everybody_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(done.stdout)
    assert (found["meanwhile"], found["enabled"], found["known"]) == (0, True, True)
    assert found["kept"] > 100_000, "what they made is looked at no more"
