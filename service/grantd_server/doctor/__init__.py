"""`grantd doctor`: examines a live set-up, ours or others', and says what is wrong with it."""
