"""What a bundle declares, as frozen nouns."""
