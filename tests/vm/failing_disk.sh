# with: dmsetup
# differs: depmod does not see that nothing reaches the disk, and ends with status 0
# A disk that takes no writes any more: depmod says so in one line, and the old
# database stays, on the disk too.
dm() { /dm/loader --library-path /dm /dm/dmsetup --noudevsync "$@" >/tmp/dm 2>&1 || show /tmp/dm; }
sectors=131072
disk() {
    dm suspend --nolockfs --noflush failing
    dm load failing --table "0 $sectors $1"
    dm resume failing
}
modprobe brd rd_nr=1 rd_size=65536
modprobe -a dm_flakey ext4 crc32c_generic
dm create failing --table "0 $sectors linear /dev/ram0 0"
mke2fs -F /dev/dm-0 >/dev/null 2>&1
t mount -t ext4 -o errors=continue /dev/dm-0 /mnt
status 0
base=/mnt dir=/mnt/lib/modules/$R
mkdir -p /mnt/lib/modules
cp -a $MODULES /mnt/lib/modules/
echo 'exclude dummy.ko.xz' >/tmp/without.conf
t depmod -b $base -C /tmp/without.conf $R
status 0
mkdir -p /tmp/old
cp $dir/modules.* /tmp/old/
sync
same() {
    for file in /tmp/old/*; do cmp -s $file $dir/${file##*/} || echo ${file##*/}; done
}
# Writes fail; what is read does not. Then nothing works at all.
for how in "flakey /dev/ram0 0 0 600 1 error_writes" error; do
    disk "$how"
    t depmod -b $base -C /dev/null $R
    status 1
    err_has '^depmod: FATAL: could not [a-z ]*/mnt/lib/modules/.*: Input/output error$'
    is "$how: lines" 1 "$(wc -l </tmp/err)"
    disk "linear /dev/ram0 0"
    umount /mnt
    t mount -t ext4 /dev/dm-0 /mnt
    status 0
    is "$how: files that differ" "" "$(same)"
    t modprobe -d $base -a -D ext4 veth
    status 0
done
t depmod -b $base -C /dev/null $R
status 0
err
is "left" "" "$(ls -A $dir | grep -v '^modules\.[a-z.]*$\|^kernel$')"
t modprobe -d $base -D dummy
status 0
umount /mnt
dm remove failing
rmmod ext4 jbd2 mbcache crc16 crc32c_generic crc32c_intel dm_flakey dm_mod brd 2>/dev/null
rm -rf /tmp/old
