"""What every flow shares: who asks, the call on its way, deciding and writing down."""
