"""Proves offline that records are what they were: chains, and checkpoints over them.

Everything is read once and in order, so that memory does not grow with the records.
"""
