# A kernel told to take no more modules: everything is refused, and said.
# boot: alone=modules_disabled
t modprobe dummy
status 0
echo 1 >/proc/sys/kernel/modules_disabled
t modprobe veth
status 1
err "modprobe: ERROR: could not insert 'veth': Operation not permitted"
cause modules-disabled 'until it is booted again \(/proc/sys/kernel/modules_disabled is 1\)'
t rmmod dummy
status 1
err "rmmod: ERROR: could not remove 'dummy': Operation not permitted" \
    "rmmod: ERROR: could not remove module dummy: Operation not permitted"
t modprobe -r dummy
status 1
err "modprobe: ERROR: could not remove 'dummy': Operation not permitted"
# What is there already needs no loading.
t modprobe dummy
status 0
out
err
t lsmod
out_has '^dummy +[0-9]+  0$'
# No way back: the machine ends here.
before=$(in_kernel)
