"""BookSync's Data API."""
