# modprobe -r -w that waited in vain has failed, and says so.
# differs: the original says nothing and ends with 0; with -w 0 it fails as komod does
t mount -t binfmt_misc none /mnt
status 0
t modprobe -r -w 100 binfmt_misc
status 1
out
err "modprobe: ERROR: could not remove 'binfmt_misc': Resource temporarily unavailable"
loaded binfmt_misc
t umount /mnt
t rmmod binfmt_misc
status 0
