"""Training of policies, thin over transformers and TRL: demonstrations, preferences, rewards."""
