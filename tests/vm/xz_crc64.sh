# An xz file with a check the kernel's decoder does not know (CRC64) is
# refused by the kernel, then unpacked in user space; -v says so.
# differs: the original stops at the kernel's refusal
calls modprobe -v team
status 0
out "insmod $MODULES/kernel/drivers/net/team/team.ko.xz "
err_has 'team\.ko\.xz'
made 'finit 4' init
loaded team
t rmmod team
status 0
calls modprobe team
status 0
out
err
made 'finit 4' init
t modprobe -r team
status 0
calls insmod $MODULES/kernel/drivers/net/team/team.ko.xz
status 0
made 'finit 4' init
t rmmod team
status 0
