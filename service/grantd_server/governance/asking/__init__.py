"""Asks a bundle what it would answer to a request that nobody made, over both legs."""
