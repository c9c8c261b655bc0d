"""Numbers and what they belong to, in one file: whole and of the right kind, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save_file

from ado_service.local_llm.errors import AdapterError
from ado_service.local_llm.quant.carded_file import Card, content_hash, read_carded, write_carded

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2], dtype=torch.uint8)}


class Note(Card):
    kind: Literal["note"] = "note"
    text: str


class Other(Card):
    kind: Literal["other"] = "other"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "note.safetensors"
    write_carded(path, TENSORS, Note(backbone="f00", backbone_name="tiny", text="hello"))
    return path


def test_card_and_numbers_come_back(file: Path) -> None:
    card, tensors = read_carded(file, Note)

    assert (card.text, card.backbone, card.content) == ("hello", "f00", content_hash(TENSORS))
    torch.testing.assert_close(tensors, TENSORS, rtol=0, atol=0)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_hash_knows_names_types_and_shapes() -> None:
    a = TENSORS["a"]
    others = ({"a": a.view(3, 2)}, {"c": a}, {"a": a.view(torch.int32)}, {"a": a + 1}, TENSORS)

    assert len({content_hash(one) for one in ({"a": a}, *others)}) == 6
    assert content_hash(dict(reversed(TENSORS.items()))) == content_hash(TENSORS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"cannot read the weights .*none\.safetensors"):
        read_carded(tmp_path / "none.safetensors", Note)


def test_a_truncated_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(AdapterError, match="is truncated"):
        read_carded(file, Note)


def test_a_changed_number_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(AdapterError, match="not those that its header describes; copy it again"):
        read_carded(file, Note)


def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plain.safetensors"
    save_file(TENSORS, file)

    with pytest.raises(AdapterError, match="does not say what it belongs to"):
        read_carded(file, Note)


def test_a_file_of_another_kind_is_refused(file: Path) -> None:
    with pytest.raises(AdapterError, match=r"does not suit \(kind: .*a file of the right kind"):
        read_carded(file, Other)


def test_a_card_that_is_no_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    save_file(TENSORS, file, metadata={"card": "{"})

    with pytest.raises(AdapterError, match=r"does not suit \(the text: "):
        read_carded(file, Note)


def test_a_failed_save_leaves_the_last_file_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_tensors: object, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ado_service.local_llm.quant.carded_file.save_file", full)
    with pytest.raises(OSError, match="No space"):
        write_carded(file, TENSORS, Note(backbone="", backbone_name="", text="later"))

    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert read_carded(file, Note)[0].text == "hello"
