# The kernel's own blacklist holds whoever asks.
# boot: module_blacklist=dummy
t modprobe dummy
status 1
err "modprobe: ERROR: could not insert 'dummy': Operation not permitted"
cause kernel-blacklist 'forbids module dummy \(module_blacklist=\)'
t insmod $MODULES/kernel/drivers/net/dummy.ko.xz
status 1
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/net/dummy.ko.xz: Operation not permitted"
absent dummy
