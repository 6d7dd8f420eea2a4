"""What people paste: where its tokens are, where they were sent, and what is no token."""
