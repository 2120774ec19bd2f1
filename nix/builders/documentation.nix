# What Debian has about its programs, which those that run on the builder are unpacked without: patterns for mkDebianTree.
[
  "usr/share/doc"
  "usr/share/man"
  "usr/share/locale"
  "usr/share/bash-completion"
]
