"""What the LLM is told: versioned templates and the functions that render and parse them."""
