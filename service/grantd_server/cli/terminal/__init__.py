"""What every command shares: what it may be told, what it prints, how it ends."""
