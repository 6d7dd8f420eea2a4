"""What keeps trust domains and their subjects apart."""
