"""A bundle becomes the one in force, in the store and in each process."""
