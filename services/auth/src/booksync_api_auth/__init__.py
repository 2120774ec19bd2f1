"""BookSync's Auth API."""
