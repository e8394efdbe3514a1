# with: quota
# differs: depmod publishes what was cut off, and leaves files behind
# A user's quota is used up: depmod says so in one line, and the old database stays.
modprobe brd rd_nr=1 rd_size=16384
modprobe -a ext4 crc32c_generic
mke2fs -F /dev/ram0 >/dev/null 2>&1
t mount -t ext4 -o usrquota /dev/ram0 /mnt
status 0
# The kernel has the format's module loaded.
t quota on /mnt/aquota.user /dev/ram0
status 0
loaded quota_v2
echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
dir=/mnt/lib/modules/$R
mkdir -p $dir/kernel /tmp/old
cp $MODULES/modules.order $MODULES/modules.builtin $MODULES/modules.builtin.modinfo $dir
for name in dummy brd ext4 mbcache jbd2 crc16; do
    find $MODULES/kernel -name $name.ko.xz -exec cp {} $dir/kernel ';'
done
chown -R nobody /mnt/lib
allow() { quota allow /dev/ram0 65534 "$@" || failed "quota allow $*"; }
make() { t su -s /bin/sh nobody -c "exec /sbin/depmod -b /mnt -C $1 $R"; }
echo 'exclude dummy.ko.xz' >/tmp/without.conf
old() {
    allow - -
    make /tmp/without.conf
    status 0
    cp $dir/modules.* /tmp/old/
    names=$(ls -A $dir)
}
# Whether a run that had too little has done no harm: 0 if so.
harmless() {
    for file in /tmp/old/*; do cmp -s $file $dir/${file##*/} || return 1; done
    [ "$rc" = 1 ] && [ "$(ls -A $dir)" = "$names" ] && [ "$(wc -l </tmp/err)" = 1 ] &&
        grep -q "^depmod: FATAL: could not .*$dir.*: Disk quota exceeded$" /tmp/err
}
# $1: what there is too little of; $2: how much more is allowed each time; then how much
# is allowed of KiB and of files, where @ is what grows.
until_enough() {
    what=$1 step=$2 more=0 refused=0 harm=
    old
    while [ $more -lt 2000 ]; do
        allow $(echo "$3 $4" | sed "s/@/$more/")
        make /dev/null
        [ "$rc" = 0 ] && break
        refused=$((refused + 1))
        harmless || { harm="$harm $more"; show /tmp/err; }
        more=$((more + step))
    done
    status 0
    is "$what: too little did harm" "" "$harm"
    [ $refused -ge 5 ] && passed "$what: $refused times too little" || failed "$what: $refused times"
    echo "@@ note $what: $refused times too little, then enough"
    t modprobe -d /mnt -D dummy
    status 0
}
until_enough blocks 4 @ -
until_enough files 1 - @
allow - -
t quota off /dev/ram0
status 0
umount /mnt
rm -rf /tmp/old /etc/passwd
rmmod ext4 jbd2 mbcache crc16 crc32c_generic crc32c_intel quota_v2 quota_tree brd 2>/dev/null
