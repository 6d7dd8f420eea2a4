"""What a whole bundle must fulfil beyond each value: references, trust domains, uniqueness."""
