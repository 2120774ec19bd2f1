"""Facts about volumes, which all users read and machines write."""
