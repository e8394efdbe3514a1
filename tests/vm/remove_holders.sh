# --remove-holders takes down what uses the module, and what uses that.
# differs: 19, the original goes up one level and stops
t modprobe iptable_nat
status 0
t modprobe -r nf_conntrack
status 1
out
err 'modprobe: FATAL: Module nf_conntrack is in use.'
t modprobe -r --remove-holders -v nf_conntrack
status 0
err
absent iptable_nat nf_nat nf_conntrack nf_defrag_ipv6 nf_defrag_ipv4
t modprobe -r --remove-holders x_tables
status 0
out
err
absent ip_tables x_tables
t modprobe -r -a libcrc32c crc32c_intel crc32c_generic

# A holder that is itself in use by a mount ends it, before anything is gone.
t modprobe -a ext4 loop
dd if=/dev/zero of=/tmp/disk bs=1024 count=4096 2>/dev/null
t mke2fs -F /tmp/disk
status 0
t mount -t ext4 -o loop /tmp/disk /mnt
status 0
t modprobe -r --remove-holders jbd2
status 1
err 'modprobe: FATAL: Module ext4 is in use.'
loaded ext4 jbd2 mbcache
t umount /mnt
status 0
t modprobe -r --remove-holders jbd2
status 0
absent ext4 jbd2
t modprobe -r -a mbcache crc16 loop libcrc32c crc32c_intel crc32c_generic
rm /tmp/disk
