"""What a governance bundle declares, against what is live."""
