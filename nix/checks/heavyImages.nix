# Images whose checks are left to `./bootstrap check --long`: amd64's torch brings 4 GB of CUDA wheels.
{
  booksync-api-prediction = [ "amd64" ];
}
