# Forced flags reach the kernel; this one takes them and marks the module.
calls modprobe -f dummy
status 0
made 'finit 7'
is taint FE "$(tr -d '\n' </sys/module/dummy/taint)"
t rmmod dummy
calls modprobe --force-vermagic veth
status 0
made 'finit 2'
t rmmod veth
calls modprobe --force-modversion veth
status 0
made 'finit 1'
calls rmmod -f veth
status 0
made 'delete a00'
calls insmod -f $MODULES/kernel/drivers/net/dummy.ko.xz
status 0
made 'finit 7'
t rmmod dummy
status 0
