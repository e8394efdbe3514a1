# modprobe -r -w that waited in vain has failed, and says so.
# differs: the original ends with 0 and says nothing, or never ends; with -w 0 it fails
t mount -t binfmt_misc none /mnt
status 0
# The original may also wait for ever.
t timeout 20 /sbin/modprobe -r -w 100 binfmt_misc
status 1
out
err "modprobe: ERROR: could not remove 'binfmt_misc': Resource temporarily unavailable"
loaded binfmt_misc
t umount /mnt
t rmmod binfmt_misc
status 0
