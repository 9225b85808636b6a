"""Decisions by a language model: pacing, budget, recording and replay.

Owns the connection to the model and what is kept of it. Refuses to know what a prompt means, and the world that asks.
"""
