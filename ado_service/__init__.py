"""The sizing service: proposers, the ADO-LLM loop, jobs, REST and CLI."""
