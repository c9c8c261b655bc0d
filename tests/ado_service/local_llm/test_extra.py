"""The optional libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ado_service.local_llm as package
from ado_service.local_llm import MissingExtraError, require_extra


def test_the_extra_is_installed_here() -> None:
    require_extra()


def test_what_is_missing_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "peft" else object())

    with pytest.raises(
        MissingExtraError, match=r"need peft: pip install 'ado-service\[local-llm\]'"
    ):
        require_extra()


def test_importing_the_package_imports_none_of_it() -> None:
    code = "import sys, ado_service.local_llm; sys.exit('transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
