# Without CAP_SYS_MODULE nothing changes, and each tool says so.
echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
user() { t su -s /bin/sh nobody -c "exec /sbin/$*"; }
DUMMY=$MODULES/kernel/drivers/net/dummy.ko.xz
t modprobe brd
status 0
user modprobe dummy
status 1
out
err "modprobe: ERROR: could not insert 'dummy': Operation not permitted"
user modprobe -q dummy
status 1
err
user insmod $DUMMY
status 1
err "insmod: ERROR: could not insert module $DUMMY: Operation not permitted"
user modprobe -r brd
status 1
err "modprobe: ERROR: could not remove 'brd': Operation not permitted"
user rmmod brd
status 1
err "rmmod: ERROR: could not remove 'brd': Operation not permitted" \
    'rmmod: ERROR: could not remove module brd: Operation not permitted'
user rmmod -f brd
status 1
# What only looks needs no power.
user modprobe -n -v dummy
status 0
user modprobe -R dummy
status 0
out dummy
user lsmod
status 0
out_has '^brd '
user modinfo -F name dummy
status 0
out dummy
# What is loaded already is no change.
user modprobe brd
status 0
err
user depmod -a
original && status 0 || status 1
err_has 'Permission denied|could not'
absent dummy
loaded brd
t modprobe -r brd
status 0
rm /etc/passwd
