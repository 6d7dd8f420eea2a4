"""Commands that change what is in force, and try a change beforehand."""
