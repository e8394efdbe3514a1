# A kernel that demands signatures does not believe one on a forced module.
# boot: module.sig_enforce=1
calls modprobe -f dummy
status 1
out
err "modprobe: ERROR: could not insert 'dummy': Key was rejected by service"
made 'finit 7'
t insmod -f $MODULES/kernel/drivers/net/dummy.ko.xz
status 1
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/net/dummy.ko.xz: Key was rejected by service"
# Unforced, it is signed as the kernel wants it, also when unpacked before.
t modprobe dummy
status 0
calls modprobe nlmon
status 0
made init
t rmmod dummy nlmon
status 0
