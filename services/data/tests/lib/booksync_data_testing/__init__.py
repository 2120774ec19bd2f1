"""What the tests of the Data API share."""
