"""How the parties answer, whatever they say: documents, refusals, clocks."""
