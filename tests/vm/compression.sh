# A module that is compressed as the kernel itself knows goes in as it is
# (flag 4 of finit_module); the others are unpacked in user space, or are not
# compressed at all.
is "the kernel's own compression" xz "$(cat /sys/module/compression)"
calls modprobe dummy
status 0
made 'finit 4'
calls modprobe veth
status 0
made 'finit 0'
calls modprobe nlmon
status 0
made init
calls insmod $MODULES/kernel/drivers/net/ifb.ko.zst
status 1
err "insmod: ERROR: could not load module $MODULES/kernel/drivers/net/ifb.ko.zst: No such file or directory"
made
calls insmod $MODULES/kernel/drivers/net/dummy.ko.xz
status 1
made 'finit 4'
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/net/dummy.ko.xz: File exists"
loaded dummy veth nlmon
calls rmmod dummy veth nlmon
status 0
made 'delete 800' 'delete 800' 'delete 800'
