"""YAML with line numbers, so that an error can name its line."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import yaml

from circuits.errors import CircuitError, Finding

_LIMIT = 1_000_000  # characters; a circuit.yaml is a few thousand


class YamlSource:
    """A YAML mapping that remembers where each of its values stands.

    Anchors and aliases are refused: they are what YAML bombs are made of, and no circuit needs
    them.

    Raises:
        CircuitError: the text is no YAML mapping.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = PurePath(file).name
        if len(text) > _LIMIT:
            raise self.error(None, f"over {_LIMIT} characters long", "Shorten it")
        try:
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
                raise self.error(None, "it uses YAML aliases (*name)", "Write the value out")
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from error
        except RecursionError as error:
            raise self.error(None, "it is nested too deeply", "Flatten it") from error
        if not isinstance(self.data, dict):
            raise self.error(1, "it is no mapping", "Start with `name: my_circuit`")

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

    def _syntax_error(self, error: yaml.YAMLError) -> CircuitError:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else int(mark.line) + 1
        problem = str(getattr(error, "problem", None) or "not readable as YAML")
        return self.error(line, problem, "Mend the YAML syntax there")


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
