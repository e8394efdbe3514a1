# Runs inside a Debian system as its root: both makers of an initramfs, with the module
# tools that are there.
set -e
V=$(ls /lib/modules)
# Installing komod's packages has triggered this already; the original was there before.
[ -d /debian13/own ] || update-initramfs -u -k $V
mkdir /tmp/initramfs
unmkinitramfs /boot/initrd.img-$V /tmp/initramfs
root=/tmp/initramfs/main
[ -d $root ] || root=/tmp/initramfs
cmp $root/usr/bin/kmod /usr/bin/kmod
cmp $root/usr/lib/x86_64-linux-gnu/libkmod.so.2 /usr/lib/x86_64-linux-gnu/libkmod.so.2
rm -r /tmp/initramfs
dracut --force --no-hostonly --no-early-microcode --zstd --kver $V /boot/dracut.img
