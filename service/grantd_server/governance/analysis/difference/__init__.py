"""Who gains and who loses between two bundles, whatever their rules look like."""
