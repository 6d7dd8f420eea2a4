"""What a walk through both legs showed: the sign-in, the grant, the access token."""
