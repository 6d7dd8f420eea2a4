"""Finds rules that are valid and yet not what somebody meant."""
