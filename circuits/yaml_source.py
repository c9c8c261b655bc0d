"""YAML with line numbers, so that an error can name its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import yaml

from circuits.errors import CircuitError, Finding

_LIMIT = 200_000  # characters; a circuit.yaml is a few thousand
_DEPTH = 20


class YamlSource:
    """A YAML mapping that remembers where each of its values stands.

    Anchors, aliases and tags are refused: they are what YAML bombs are made of, and no circuit
    needs them.

    Args:
        file: name for messages.
        text: the YAML.

    Raises:
        CircuitError: the text is no YAML mapping.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = PurePath(file).name
        if len(text) > _LIMIT:
            raise self.error(None, f"over {_LIMIT} characters long", "Shorten it")
        try:
            self._look(text)
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from error
        except ValueError as error:
            if isinstance(error, CircuitError):
                raise
            # A date such as 2001-99-99, or an integer of thousands of digits.
            raise self.error(None, f"unreadable value: {error}", "Mend it or quote it") from error
        if not isinstance(self.data, dict):
            raise self.error(1, "it is no mapping", "Start with `name: my_circuit`")
        for line, key in _doubled(self._root):
            raise self.error(line, f"{key!r} is there twice", "Remove one of them")

    def line(self, path: tuple[int | str, ...]) -> int | None:
        """Line (from 1) of the value at `path`, or of the nearest thing around it."""
        node, line = self._root, None
        for key in path:
            child = _child(node, key)
            if child is None:
                break
            node = child
            line = int(child.start_mark.line) + 1
        return line

    def error(self, line: int | None, problem: str, cure: str) -> CircuitError:
        """An error at a line of this file."""
        return CircuitError([Finding(self.file, line, problem, cure)])

    def _look(self, text: str) -> None:
        """Refuse, before anything is built, what could be a bomb."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = 1 if event.start_mark is None else int(event.start_mark.line) + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise self.error(line, "it uses YAML anchors (&name, *name)", "Write the value out")
            if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
                raise self.error(line, "it uses a YAML tag (!name)", "Remove the tag")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEPTH:
                raise self.error(line, "it is nested too deeply", "Flatten it")

    def _syntax_error(self, error: yaml.YAMLError) -> CircuitError:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else int(mark.line) + 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        return self.error(
            line, str(problem or "not readable as YAML"), "Mend the YAML syntax there"
        )


def _child(node: yaml.Node | None, key: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        found: yaml.Node = node.value[key]
        return found
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                child: yaml.Node = value
                return child
    return None


def _doubled(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """(line, key) of keys that a mapping has twice: YAML itself silently takes the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield int(key.start_mark.line) + 1, key.value
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
            yield from _doubled(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubled(item)
