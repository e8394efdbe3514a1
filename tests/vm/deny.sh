# What a deny line names is not loaded, whoever asks: modprobe, an alias, another module,
# an install command, the library, the kernel itself.
# differs: deny lines, the original loads the modules
conf 'deny veth it is a test' 'alias card-* veth' 'softdep dummy pre: veth' 'install ifb /sbin/modprobe veth'
for name in veth card-x rtnl-link-veth "$(modprobe -D --ignore-deny veth | sed 's/^insmod //;s/ $//')"; do
    t modprobe "$name"
    status 1
    err "modprobe: ERROR: could not insert 'veth': denied by /etc/modprobe.d/scenario.conf:1: it is a test"
done
t modprobe -q -- veth
status 1
err
t modprobe ifb
status 1
err_has "^modprobe: ERROR: could not insert 'veth': denied by "
absent veth ifb
t modprobe dummy
status 0
err "modprobe: WARNING: soft dependency 'veth' is left out: denied by /etc/modprobe.d/scenario.conf:1: it is a test"
loaded dummy
absent veth
modprobe -r dummy
t ask new 'lookup veth' 'probe 0' state
status 0
out_has '^probe: -1$'
err_has "module 'veth' is denied by /etc/modprobe.d/scenario.conf:1: it is a test"
absent veth
t env MODPROBE_OPTIONS=--ignore-deny /sbin/modprobe veth
status 1
absent veth
t modprobe --ignore-deny veth
status 0
err
loaded veth
rmmod veth

# Nothing is half loaded: none of what iptable_nat needs, as the deepest of it is denied.
conf 'deny *' 'allow ip*' 'allow nf*' 'allow x_tables'
t modprobe iptable_nat
status 1
err_has "could not insert 'iptable_nat': it needs libcrc32c, which is denied by .*:1"
absent iptable_nat nf_nat nf_conntrack x_tables

# The kernel asks: it is refused too, and gets what it wants once that is allowed.
conf 'deny *'
t mount -t binfmt_misc none /mnt
err_has 'No such device'
absent binfmt_misc
conf 'deny *' 'allow binfmt-misc'
t mount -t binfmt_misc none /mnt
status 0
umount /mnt
rmmod binfmt_misc

# Who names a file is obeyed, and told.
t insmod /lib/modules/"$R"/kernel/drivers/net/dummy.ko.xz
status 0
err_has '^insmod: WARNING: module dummy is denied by /etc/modprobe.d/scenario.conf:1$'
rmmod dummy
