"""Items and their vectors: written by machines, read by users."""
