# An install command is honoured though the module has a softdep.
# differs: 12, the original loads the module
conf 'install dummy /bin/false' 'softdep dummy pre: veth'
t modprobe dummy
status 1
err_has "Error running install command '/bin/false' for module dummy: retcode 1"
absent dummy
t modprobe -r veth
status 0
