"""The Prediction API with a model of words, as a process of its own."""
