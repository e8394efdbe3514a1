# depmod -a of the running kernel, and what the others read of it.
rm -f $MODULES/modules.dep $MODULES/modules.*.bin
t modprobe dummy
status 1
err "modprobe: FATAL: Module dummy not found in directory $MODULES"
t depmod -a
status 0
out
err
for file in dep dep.bin alias alias.bin softdep weakdep symbols symbols.bin builtin.bin builtin.alias.bin devname; do
    t test -s $MODULES/modules.$file
    status 0
done
is "mode of modules.dep" 644 "$(stat -c %a $MODULES/modules.dep)"
is "nothing beside them" "" "$(ls $MODULES | grep -v '^modules\.\|^kernel$')"
t grep '^kernel/fs/ext4/ext4' $MODULES/modules.dep
out 'kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz'
t modinfo -n dummy
status 0
out "$MODULES/kernel/drivers/net/dummy.ko.xz"
t modinfo -F vermagic nlmon
status 0
out "$R SMP preempt mod_unload modversions "
t depmod -A
status 0
out
err
# Devices whose opening loads a module.
t kmod static-nodes --format=devname
status 0
out 'loop loop-control c10:237' 'dm_mod mapper/control c10:236'
