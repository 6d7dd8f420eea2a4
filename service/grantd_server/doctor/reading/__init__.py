"""What is asked of the parties, and what they answered. Nothing is judged here."""
