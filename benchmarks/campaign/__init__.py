"""The training campaign: small policies from nothing, what search and preferences add to them.

``python -m benchmarks.campaign --out FOLDER`` does everything and prints the tables of
docs/policies-small.md; it goes on where it was cut off. See docs/policies-small.md.
"""
