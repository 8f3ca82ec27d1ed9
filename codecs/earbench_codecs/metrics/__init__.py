"""Objective metrics: how far a test clip is from its reference. See `registry` for the list."""
