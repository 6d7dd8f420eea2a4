"""YAML as a tree with places, and readers of single values."""
