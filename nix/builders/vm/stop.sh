#!/usr/bin/busybox sh
# An orderly end: containers stop before the engine, and the disk is left clean.
. /etc/booksync/environment
killall -TERM dockerd
for _ in $(seq 300); do
  pidof dockerd >/dev/null || break
  sleep 1
done
umount -a -r
