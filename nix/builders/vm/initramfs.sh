#!/bin/busybox sh
# The initramfs: brings the disks up and gives the machine to the root file system. Without a disk it only says that the
# kernel runs, which is how an accelerator is tried.
b=/bin/busybox
$b mkdir -p /proc /dev /root
$b mount -t devtmpfs devtmpfs /dev
for module in $($b cat /modules/order); do
  $b insmod "/modules/$module"
done
if [ ! -b /dev/vda ]; then
  echo "booksync: no disk" >/dev/console
  $b poweroff -f
fi
$b mount -t ext4 -o ro /dev/vda /root || $b poweroff -f
$b mount -o move /dev /root/dev
exec $b switch_root /root /usr/bin/busybox init
