# Install and remove commands run in place of loading and removing.
conf 'install dummy echo "in: $MODPROBE_MODULE $CMDLINE_OPTS"; /sbin/modprobe -i dummy $CMDLINE_OPTS' \
    'remove dummy echo "out: $MODPROBE_MODULE"; /sbin/modprobe -r -i dummy'
t modprobe dummy numdummies=0
status 0
out 'in: dummy numdummies=0'
err
loaded dummy
t modprobe -r dummy
status 0
out 'out: dummy'
err
absent dummy

conf 'install dummy /bin/true'
t modprobe dummy
status 0
absent dummy

conf 'install dummy /bin/false'
t modprobe dummy
status 1
out
err "modprobe: ERROR: Error running install command '/bin/false' for module dummy: retcode 1" \
    "modprobe: ERROR: could not insert 'dummy': Invalid argument"
absent dummy

t modprobe -i dummy
status 0
loaded dummy
t rmmod dummy
status 0
