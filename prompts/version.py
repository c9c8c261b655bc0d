"""The version of the prompts, recorded with every turn so that results stay comparable."""

PROMPT_VERSION = "v2"
"""Name of the folder under `templates/` that is rendered."""
