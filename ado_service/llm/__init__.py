"""Language models: client, profiles, transcripts, budgets."""
