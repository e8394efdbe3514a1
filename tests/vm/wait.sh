# modprobe -r -w waits for the last user to go.
t mount -t binfmt_misc none /mnt
status 0
(sleep 1; umount /mnt) &
t modprobe -r -w 20000 binfmt_misc
status 0
out
err
wait
absent binfmt_misc
