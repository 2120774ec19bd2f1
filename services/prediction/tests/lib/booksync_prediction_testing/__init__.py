"""What the tests of the Prediction API share."""
