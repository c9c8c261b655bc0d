"""The version of the prompts, recorded with every turn so that results stay comparable."""

PROMPT_VERSION = "v1"
"""Name of the folder under `templates/` that is rendered."""
