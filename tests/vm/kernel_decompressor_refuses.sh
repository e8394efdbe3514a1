# What the kernel's xz decoder does not read is refused by the kernel, then
# unpacked in user space; -v says so.
# differs: the original stops at the kernel's refusal
P=$MODULES/kernel/drivers/net
# A check other than CRC32.
t kmod explain team
status 0
told decompressor 'does not unpack this file itself \(of xz it reads one stream, .*; pack it again: xz --check=crc32'
calls modprobe -v team
status 0
out "insmod $P/team/team.ko.xz "
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
calls insmod $P/team/team.ko.xz
status 0
made 'finit 4' init
t rmmod team
status 0
# Two streams: it reads the first alone, which is no module.
calls modprobe tap
status 0
out
err
made 'finit 4' init
loaded tap
t rmmod tap
status 0
# A dictionary of more memory than there is, of which next to nothing is used.
calls modprobe macvlan
status 0
out
err
made 'finit 4' init
loaded macvlan
t rmmod macvlan
status 0
