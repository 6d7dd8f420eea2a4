"""Generated from proto/grantd/v1; do not edit."""
