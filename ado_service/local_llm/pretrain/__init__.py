"""How the embedded sizing model comes to be: simulated circuits, texts of the agent, training."""
