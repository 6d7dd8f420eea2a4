"""What is deployed around grantd: the demo."""
