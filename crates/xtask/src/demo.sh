#!/bin/sh
# The second half of the demo, in the virtual machine.
. /scenarios/names
heading() { printf '\n-- %s\n' "$*"; }
run() {
    printf '\n# %s\n' "$*"
    eval "$*" 2>&1
}

heading "the database of this kernel's modules"
run 'depmod -a'
run 'cd /lib/modules/$(uname -r) && wc -l modules.dep modules.alias modules.symbols && cd /'

heading "a driver with its dependencies"
run 'modinfo -d iptable_nat'
run 'modprobe -v iptable_nat'
run 'lsmod'
run 'modprobe -r -v iptable_nat'
run 'lsmod'

heading "options, from a file and by hand"
run "echo 'options brd rd_nr=2' >/etc/modprobe.d/demo.conf"
run 'modprobe -v brd rd_size=4096'
run 'grep . /sys/module/brd/parameters/rd_nr /sys/module/brd/parameters/rd_size'
run 'modprobe -r brd'

heading "a softdep: one driver wishes another loaded before it"
run "echo 'softdep dummy pre: veth' >/etc/modprobe.d/demo.conf"
run 'modprobe -v dummy'
run 'lsmod'
run 'modprobe -r dummy'

heading "the kernel itself asks for a file system"
run 'cat /proc/sys/kernel/modprobe'
run 'mount -t binfmt_misc none /mnt && lsmod'
run 'umount /mnt && rmmod binfmt_misc'

heading "a file the kernel's own decompressor refuses (xz with CRC64)"
run 'modprobe -v team'

heading "what goes wrong is said as kmod says it"
run 'modprobe no-such-driver'
run 'rmmod no-such-driver'
run 'modprobe brd rd_nr=many'
run 'lsmod'
