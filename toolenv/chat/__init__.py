"""One LLM client for policies, simulators and judges."""
