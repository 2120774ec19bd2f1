#!/usr/bin/busybox sh
# What a distribution's start does for a container engine: file systems, drivers and the one network card.
. /etc/booksync/environment
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
# as udev would
ln -s /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in virtio_net virtio_console overlay bridge veth; do
  modprobe "$module"
done
e2fsck -p /dev/vdb
mount -t ext4 /dev/vdb /var
mkdir -p /var/log /var/tmp /var/lib/docker /var/root /var/srv
ln -sfn /run /var/run
mount --bind /var/srv /srv
hostname booksync
ip link set lo up
# QEMU's user network (its documentation, "Using the user mode network stack")
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
sysctl -q -w net.ipv4.ip_forward=1
