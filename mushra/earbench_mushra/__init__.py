"""Listening tests: design, blinding, sessions, storage, statistics."""
