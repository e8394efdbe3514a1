# A blacklist holds for aliases, not for names, unless -b is given.
conf 'blacklist dummy'
t modprobe rtnl-link-dummy
status 0
out
err
absent dummy
t modprobe -b dummy
status 0
absent dummy
t modprobe dummy
status 0
loaded dummy
t modprobe -r rtnl-link-dummy
status 0
absent dummy
