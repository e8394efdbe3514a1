# -D prints the way to a module and loads nothing.
t modprobe -D ext4
status 0
out "insmod $MODULES/kernel/arch/x86/crypto/crc32c-intel.ko.xz " \
    "insmod $MODULES/kernel/crypto/crc32c_generic.ko.xz " \
    "insmod $MODULES/kernel/fs/jbd2/jbd2.ko.xz " "insmod $MODULES/kernel/fs/mbcache.ko.xz " \
    "insmod $MODULES/kernel/lib/crc16.ko.xz " "insmod $MODULES/kernel/fs/ext4/ext4.ko.xz "
absent ext4 jbd2 mbcache crc16
t modprobe -D nlmon ifb
out "insmod $MODULES/kernel/drivers/net/nlmon.ko.zst ifb"
t modprobe -D -a nlmon dummy
status 0
out "insmod $MODULES/kernel/drivers/net/nlmon.ko.zst " "insmod $MODULES/kernel/drivers/net/dummy.ko.xz "
absent nlmon dummy
