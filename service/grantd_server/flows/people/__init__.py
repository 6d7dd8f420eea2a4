"""Who a call is about: accounts, tenants, blocks."""
