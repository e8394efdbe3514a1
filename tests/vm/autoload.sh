# A file system whose module is not loaded: the kernel calls modprobe, with
# descriptors 0 to 2 closed.
is "who is called" /sbin/modprobe "$(cat /proc/sys/kernel/modprobe)"
absent binfmt_misc
t mount -t binfmt_misc none /mnt
status 0
loaded binfmt_misc
t umount /mnt
status 0
t modprobe -r binfmt_misc
status 0
# Options of modprobe.d count there too.
conf 'options overlay metacopy=Y'
mkdir -p /tmp/l /tmp/u /tmp/w
t mount -t overlay -o lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w none /mnt
status 0
loaded overlay
param overlay metacopy Y
t umount /mnt
status 0
t rmmod overlay
status 0
# What no module provides stays unknown.
t mount -t nosuchfs none /mnt
err_has 'nosuchfs|No such device'
