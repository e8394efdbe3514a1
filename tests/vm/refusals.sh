# Loading twice, names nobody knows, modules in use: lines and statuses.
t modprobe dummy
status 0
t modprobe --first-time dummy
status 1
out
err "modprobe: ERROR: could not insert 'dummy': Module already in kernel"
t insmod $MODULES/kernel/drivers/net/dummy.ko.xz
status 1
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/net/dummy.ko.xz: File exists"
t modprobe -r dummy
status 0
t modprobe -r --first-time dummy
status 1
err "modprobe: FATAL: Module dummy is not in kernel."
t modprobe nosuch
status 1
out
err "modprobe: FATAL: Module nosuch not found in directory $MODULES"
t modprobe -q nosuch
status 1
out
err
t modprobe -a nosuch dummy
status 1
err "modprobe: WARNING: Module nosuch not found in directory $MODULES"
loaded dummy
t rmmod dummy
status 0
t rmmod dummy
status 1
out
err "rmmod: ERROR: Module dummy is not currently loaded"
t rmmod nosuch
status 1
err "rmmod: ERROR: Module nosuch is not currently loaded"
t insmod /nosuch.ko
status 1
err "insmod: ERROR: could not load module /nosuch.ko: No such file or directory"
echo 'no module at all' >/tmp/text.ko
t insmod /tmp/text.ko
status 1
err "insmod: ERROR: could not insert module /tmp/text.ko: Invalid module format"
# In use: by a mount, by another module.
t modprobe ext4
status 0
t modprobe -r jbd2
status 1
out
err "modprobe: FATAL: Module jbd2 is in use."
t rmmod jbd2
status 1
err_has '^rmmod: ERROR: Module jbd2 is in use by: '
err_has 'ext4'
t rmmod ext4 jbd2 mbcache crc16 crc32c_intel crc32c_generic
status 0
t mount -t binfmt_misc none /mnt
status 0
t rmmod binfmt_misc
status 1
err "rmmod: ERROR: Module binfmt_misc is in use"
t modprobe -r binfmt_misc
status 1
err "modprobe: FATAL: Module binfmt_misc is in use."
t umount /mnt
t modprobe -r binfmt_misc
status 0
# Built in.
t modprobe af_packet
status 0
t modprobe -D af_packet
status 0
out 'builtin af_packet'
t rmmod af_packet
status 1
err 'rmmod: ERROR: Module af_packet is builtin.'
t modprobe -r af_packet
status 1
err 'modprobe: FATAL: Module af_packet is builtin.'
