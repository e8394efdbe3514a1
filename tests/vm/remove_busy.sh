# A module whose device is open is busy: nothing is removed, or it is waited
# for until it is free.
t modprobe brd
status 0
exec 9</dev/ram0
t modprobe -r brd
status 1
out
err 'modprobe: FATAL: Module brd is in use.'
t modprobe -r -a brd dummy
status 1
err 'modprobe: WARNING: Module brd is in use.'
t modprobe -r -q brd
status 1
err
t rmmod brd
status 1
err 'rmmod: ERROR: Module brd is in use'
# Freed after 300 ms.
exec 9<&-
(exec 9</dev/ram0; : >/tmp/held; usleep 300000) &
until [ -e /tmp/held ]; do usleep 1000; done
t modprobe -r -w 20000 brd
status 0
out
err
absent brd
wait
rm /tmp/held
