"""From YAML or JSON to what is declared: typed values, each with its place."""
