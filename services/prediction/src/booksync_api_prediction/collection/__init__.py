"""A user's collection on Mangacollec."""
