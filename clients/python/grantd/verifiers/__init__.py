"""Whether an access token is good here: by the issuer's keys, or by asking the issuer."""
