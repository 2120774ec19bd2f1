"""BookSync's Prediction API."""
