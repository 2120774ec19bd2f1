"""What is like what."""
