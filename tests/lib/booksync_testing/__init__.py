"""What the tests above one service share: reading, unpacking and running the images as they will be shipped.

The tests find what they work on in the environment; `nix flake check` sets it, by hand it is:

BOOKSYNC_IMAGES      folder of layouts with digests.json, as `nix build .#images` makes it
BOOKSYNC_IMAGE       name of the image under test, e.g. booksync-api-auth
BOOKSYNC_ARCH        amd64 or arm64
BOOKSYNC_TEST_TOOLS  tree of the locked Debian packages of group `test`: bubblewrap, static qemu-user, libc
                     (`nix build .#dev-tools`)
BOOKSYNC_BUSYBOX     a static busybox (in `nix build .#dev-busybox`)
"""
