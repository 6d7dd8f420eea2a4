"""Judges a bundle at representative people, places and circumstances, with the clauses of
the engine itself: what it finds is what a decision would be."""
