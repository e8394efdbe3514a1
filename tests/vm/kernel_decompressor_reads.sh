# What the kernel has unpacked and then refuses is not tried again: the module
# has been initialised, and said no.
calls modprobe dummy numdummies=many
status 1
out
err "modprobe: ERROR: could not insert 'dummy': Invalid argument"
made 'finit 4'
absent dummy
calls insmod $MODULES/kernel/drivers/net/dummy.ko.xz numdummies=many
status 1
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/net/dummy.ko.xz: Invalid parameters"
made 'finit 4'
# Nor one whose init itself says that what it is asked for is invalid.
calls modprobe loop max_part=1000
status 1
out
err "modprobe: ERROR: could not insert 'loop': Invalid argument"
made 'finit 4'
absent loop
