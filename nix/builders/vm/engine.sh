#!/usr/bin/busybox sh
# The port is for `docker` beside the machine; who loads images on this machine uses the socket.
. /etc/booksync/environment
exec dockerd --host=unix:///run/docker.sock --host=tcp://0.0.0.0:2375 --tls=false >>/var/log/dockerd.log 2>&1
