"""A service that exists only here: what all services share is tested on it."""
