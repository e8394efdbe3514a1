# Under lockdown the kernel refuses forced modules with EPERM.
# boot: lockdown=integrity
t modprobe -f dummy
status 1
err "modprobe: ERROR: could not insert 'dummy': Operation not permitted"
cause forced-unsigned-lockdown 'a forced module counts as unsigned \(the kernel is locked down: integrity\)'
t insmod /samples/unsigned.ko
status 1
cause unsigned-lockdown 'is not signed \(the kernel is locked down: integrity\)'
t modprobe dummy
status 0
t rmmod dummy
status 0
