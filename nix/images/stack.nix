# The images that run together, by what each is there.
{
  postgres = "booksync-postgres";
  auth = "booksync-api-auth";
  data = "booksync-api-data";
  # without torch
  prediction = "booksync-api-prediction-onnx";
}
