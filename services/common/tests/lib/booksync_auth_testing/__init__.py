"""What the tests of the Auth API share: a household of profiles, and a Mangacollec that can misbehave."""
