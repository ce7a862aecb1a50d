"""Figures: medians over repeats, as ratios against a baseline measured in the same run."""
