# Under lockdown the kernel refuses forced modules with EPERM.
# boot: lockdown=integrity
t modprobe -f dummy
status 1
err "modprobe: ERROR: could not insert 'dummy': Operation not permitted"
t modprobe dummy
status 0
t rmmod dummy
status 0
