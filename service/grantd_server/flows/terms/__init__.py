"""What is asked for and what is granted, on both legs."""
