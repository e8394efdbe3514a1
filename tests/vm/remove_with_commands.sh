# Remove commands and softdeps on a chain: the command in place of the call,
# softdeps around it, what is not used any more behind it.
conf 'softdep iptable_filter pre: veth post: dummy' \
    'remove iptable_filter echo "out: $MODPROBE_MODULE"; /sbin/rmmod iptable_filter'
t modprobe iptable_filter
status 0
order ip_tables veth iptable_filter dummy
t modprobe -r -v iptable_filter
status 0
if original; then err
else err 'modprobe: NOTICE: module x_tables is skipped: used by ip_tables'; fi
has stdout /tmp/out '^out: iptable_filter$'
absent iptable_filter dummy veth
# After a command its dependencies are left to the command.
loaded ip_tables x_tables
t modprobe -r ip_tables
status 0
absent ip_tables x_tables
# A command that fails.
conf 'remove dummy exit 3'
t modprobe dummy
t modprobe -r dummy
status 1
out
err 'modprobe: FATAL: Error running remove command for dummy'
loaded dummy
# -i leaves commands and softdeps of the module out.
conf 'softdep dummy post: veth' 'remove dummy exit 3'
t modprobe veth
t modprobe -r -i dummy
status 0
out
err
absent dummy
loaded veth
t rmmod veth
status 0
