# Each failure is provoked as it happens to people, and the hint names its cause.
# with: causes
# differs: kmod has no hints
C=/causes
# What is a word of an expression in the release.
X=$(echo $R | sed 's/[+]/./g')
M=$(echo $MODULES | sed 's/[+]/./g')
insert() { t insmod "$@"; status 1; }
probe() { t modprobe "$@"; status 1; }
DUMMY=$MODULES/kernel/drivers/net/dummy.ko.xz

# What does not come to the end of its start is waited for, half a minute: meanwhile other
# causes have their turn.
insmod $C/slow.ko &
sleep 1
insmod $C/waiter.ko 2>/tmp/waited &

# Files that are no modules, or not whole ones.
: >/tmp/empty.ko
insert /tmp/empty.ko
err_has ': HINT: '
cause empty 'the file is empty \(0 bytes\); '
echo 'no module at all' >/tmp/text.ko
insert /tmp/text.ko
cause not-elf 'is no kernel module \(it looks like text\)'
head -c 5000 $C/stays.ko >/tmp/short.ko
insert /tmp/short.ko
cause truncated "cut short \(it has 5000 bytes of $(stat -c %s $C/stays.ko)\)"
insert $C/cut.ko.xz
cause damaged 'damaged or cut short \(xz: '
insert $C/library.ko
cause elf-type 'shared library'
insert $C/machine.ko
cause machine '\(ARM 64, 64 bit, little endian, this kernel is x86-64, 64 bit'
insert $C/stripped.ko
cause stripped 'stripped of its symbols \(no .symtab\)'
insert $C/object.ko
cause no-struct-module 'an object file, no finished module'
insert $C/struct.ko
cause struct-module-size 'struct module of [0-9]+ bytes, here [0-9]+'

truncate -s 2200M /tmp/huge.ko
insert /tmp/huge.ko
cause too-large '\(2306867200 bytes, at most 2147483647\)'
rm /tmp/huge.ko
insert $C/large.ko
cause no-memory '"execmem: unable to allocate memory"'

# Built for another kernel.
OTHER=$(modinfo -F vermagic $C/release.ko)
O=$(echo ${OTHER% } | sed 's/[+]/./g')
insert $C/release.ko
cause vermagic "vermagic '$O', here '$X SMP preempt mod_unload modversions'\); rebuild"
mkdir -p /lib/modules/${OTHER%% *}/kernel
insert $C/release.ko
cause vermagic-installed "it fits the installed ${O%% *}: boot that"
rm -r /lib/modules/${OTHER%% *}
insert $C/flags.ko
cause vermagic-flags "another configuration of this kernel \(vermagic '$X UMP"
insert $C/layout.ko
cause module-layout 'module_layout 0x44332211, here 0x[0-9a-f]{8}\)'

# Symbols.
mkdir -p $MODULES/extra
cp $C/export.ko $MODULES/extra
depmod -a
insert $C/user.ko
cause needs-module "module export, which is not loaded \(hint_plain in $M/extra/export.ko\); modprobe export"
t insmod $C/export.ko
status 0
insert $C/stale.ko
cause symbol-version '\(hint_plain 0x[0-9a-f]{8}, here 0x[0-9a-f]{8} of module export\)'
insert $C/nobody.ko
cause unknown-symbol 'nobody exports a symbol.*\(hint_of_nobody; '
insert $C/closed.ko
cause gpl-only '\(hint_free; license=Closed\)'
insert $C/spaced.ko
cause namespace '\(hint_spaced is in HINT_SPACE\)'
insert $C/double.ko
cause duplicate-export "hint_plain is export's"
t insmod $C/user.ko
status 0
no_hint
t rmmod export
status 1
cause held 'other modules use export \(user\); modprobe -r --remove-holders export'
t rmmod user export
status 0
rm -r $MODULES/extra
depmod -a
# The same through modprobe, by a file that is named.
probe /causes/user.ko
cause unknown-symbol-modprobe 'nobody exports a symbol.*hint_plain'

# Signatures, where none are enforced.
insert /samples/tampered.ko
cause bad-signature 'signature of .* does not fit'
insert $C/trailer.ko
cause signature-format 'fields that must be 0 are not'

# Parameters.
insert $C/parameter.ko fails=abc
cause parameter-value "\(fails is of type int, the value 'abc'\)"
insert $C/parameter.ko even=3
cause parameter-refused "\(even is of an unknown type, the value '3'\)"
insert $C/parameter.ko wait_ms
cause parameter-lacks 'a parameter lacks its value \(wait_ms is of type int\)'
t modprobe dummy numdumies=2
status 0
cause parameter-unknown "dummy has no parameter 'numdumies' .*the nearest is 'numdummies'"
t modprobe -q loop nosuch=1
status 0
no_hint
t rmmod loop
t modprobe loop dyndbg=+p max_loop=4
status 0
no_hint
t rmmod loop

# What is in the kernel already, or on its way.
insert $DUMMY
cause already-loaded 'dummy is in the kernel already'
probe --first-time dummy
cause already-loaded-first-time 'dummy is in the kernel already'
t rmmod dummy
probe --first-time af_packet
cause builtin 'af_packet is part of the kernel image'
insert $C/printk.ko
cause name-taken 'has the module.s name \(/sys/module/printk\)'
cp $C/parameter.ko /tmp/second.ko
insmod $C/parameter.ko wait_ms=3000 fails=5 2>/dev/null &
sleep 1
insert /tmp/second.ko
cause underway 'parameter is being loaded'
wait

# The module's own reasons.
insert $C/parameter.ko fails=19
cause init-no-device 'found no device that it is for \(meanwhile the log has: "the board does not answer"\)'
insert $C/parameter.ko fails=19 speaks=0
cause init-no-device-silent 'found no device that it is for \(the log has no line of it'
insert $C/parameter.ko fails=5
cause init-failed 'gave up while it started \(meanwhile the log has: "the board does not answer"\)'
insert $C/parameter.ko fails=22
cause init-failed-einval 'probably .* gave up while it started \(meanwhile the log has: "the board'

# Half a minute is over, and what is waited for is there at last.
wait
ran='insmod waiter.ko'
cp /tmp/waited /tmp/err
cause waited-in-vain 'module slow, which it needs, does not come to the end of its start'
err 'insmod: ERROR: could not insert module /causes/waiter.ko: Device or resource busy'
t rmmod slow
status 0

# Who may.
echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
t su -s /bin/sh nobody -c 'exec /sbin/modprobe dummy'
status 1
cause no-privilege 'this is user 65534\); sudo'
exec 3>>$C/stays.ko
insert $C/stays.ko
cause open-for-writing "open to write into it \($C/stays.ko\)"
exec 3>&-

# Names and indexes.
probe dumy
cause misspelt 'nearest is dummy\)'
probe dummy.ko
cause file-for-name '\(dummy\); modprobe dummy'
insert dummy
cause name-for-file '\(dummy\); modprobe dummy'
mkdir -p $MODULES/extra
cp $C/held.ko $MODULES/extra/fresh.ko
probe fresh
cause not-indexed "newer than the index \($M/extra/fresh.ko is not in modules.dep\); depmod $X"
rm -r $MODULES/extra
mv $MODULES/modules.dep.bin /tmp
probe dummy
cause no-index "no $M/modules.dep.bin that can be used\); depmod $X"
mv /tmp/modules.dep.bin $MODULES
mkdir -p /lib/modules/9.9.9
: >/lib/modules/9.9.9/modules.dep.bin
mv $MODULES /lib/away
probe dummy
cause no-directory "no $M; installed are those of 9.9.9\); after an upgrade: reboot"
mv /lib/away $MODULES
rm -r /lib/modules/9.9.9

# The configuration.
conf 'install dummy /bin/false'
probe dummy
cause install-command 'scenario.conf:1: install dummy /bin/false\); modprobe -i dummy'
conf

conf 'blacklist dummy'
t modprobe -b dummy
status 0
no_hint
t modprobe -n -v -b dummy
status 0
err_has 'dummy is skipped: blacklisted by /etc/modprobe.d/scenario.conf:1'
conf

# Removing.
t insmod $C/held.ko
t rmmod held
status 1
cause referenced 'something uses module held \(1 references\)'
echo 0 >/sys/module/held/parameters/held
t rmmod held
status 0
t mount -t binfmt_misc none /mnt
t modprobe -r binfmt_misc
status 1
cause referenced-by-a-mount 'binfmt_misc \(1 references: mount /mnt\)'
t umount /mnt
t modprobe -r binfmt_misc
status 0
t rmmod dumy
status 1
no_hint
t modprobe dummy
t rmmod dumy
status 1
cause misspelt-rmmod 'nearest is dummy\)'
t rmmod dummy
t rmmod af_packet
status 1
cause builtin-rmmod 'af_packet is part of the kernel image'
# It stays until the machine ends.
t insmod $C/stays.ko
status 0
t rmmod stays
status 1
cause permanent 'stays cannot be removed at all'
# Nothing failed: nothing is said.
t modprobe dummy
status 0
no_hint
t modprobe -r dummy
status 0
no_hint
before=$(in_kernel)
