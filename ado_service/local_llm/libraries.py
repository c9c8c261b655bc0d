"""The libraries of local models, imported so that the rest of the process hardly notices."""

from __future__ import annotations

import gc
import importlib
from functools import cache

_NEED_THEM = ("backbone", "engine", "shared_backbone")
"""Modules of this package that import transformers, bitsandbytes, peft and llguidance."""


@cache
def import_libraries() -> None:
    """Import what it takes to load a model, once; some seconds.

    The collector of garbage rests meanwhile. Each full collection would look at all objects of all
    libraries and hold every other thread up for some 0.3 s, several times over. What they made
    stays for ever, so that no later collection need look at it either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for name in _NEED_THEM:
            importlib.import_module(f"{__package__}.{name}")
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()
