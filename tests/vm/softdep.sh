# A softdep loads modules before and after; removal takes them down again.
conf 'softdep dummy pre: veth post: brd'
t modprobe dummy
status 0
out
err
order veth dummy brd
t modprobe -r dummy
status 0
absent veth dummy brd

# One that cannot be found does no harm.
conf 'softdep dummy pre: no-such-module'
t modprobe dummy
status 0
loaded dummy
t modprobe -r dummy
status 0
