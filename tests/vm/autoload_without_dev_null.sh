# The same in a root without /dev/null: the first minutes of a system, with
# the descriptors closed and nothing to open in their place.
rm /dev/null
is "/dev/null is gone" "" "$(ls /dev | grep -x null)"
t mount -t binfmt_misc none /mnt
status 0
loaded binfmt_misc
t umount /mnt
status 0
t sh -c 'exec 0<&- 1>&- 2>&-; /sbin/modprobe -r binfmt_misc'
status 0
absent binfmt_misc
t sh -c 'exec 0<&- 1>&- 2>&-; /sbin/modprobe -q -- nosuch'
status 1
mknod -m 666 /dev/null c 1 3
