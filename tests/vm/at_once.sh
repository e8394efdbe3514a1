# Several of them at once: each loads or finds loaded, none fails, and the kernel
# takes each module once.
trace=/sys/kernel/tracing
echo 1 >$trace/events/module/module_load/enable
remove_all() {
    for module in ext4 jbd2 mbcache crc16 libcrc32c crc32c_intel crc32c_generic; do
        /sbin/rmmod $module 2>/dev/null
    done
}
for round in 1 2 3; do
    echo >$trace/trace
    for one in $(seq 16); do
        case $((one % 4)) in
        0) names="ext4" ;;
        1) names="-a jbd2 ext4" ;;
        2) names="-a crc16 mbcache ext4" ;;
        3) names="fs-ext4" ;;
        esac
        (modprobe $names >/tmp/out.$one 2>&1; echo $? >>/tmp/out.$one) &
    done
    wait
    for one in $(seq 16); do
        is "round $round, modprobe $one" 0 "$(cat /tmp/out.$one)"
    done
    loaded ext4 jbd2 mbcache crc16
    for module in ext4 jbd2 mbcache crc16; do
        is "round $round: $module goes in" 1 "$(grep -c "module_load: $module " $trace/trace)"
    done
    t rmmod ext4 jbd2 mbcache crc16 crc32c_intel crc32c_generic
    status 0
done
echo 0 >$trace/events/module/module_load/enable

# Removal against loading: who loses says so, and what is left is sound.
over=/tmp/over
rm -f $over
for one in 1 2 3 4 5 6 7 8; do
    (until [ -e $over ]; do modprobe ext4 2>/dev/null; done) &
    (until [ -e $over ]; do modprobe -r ext4 2>/dev/null; done) &
done
sleep 10
touch $over
wait
is "modules that are neither loaded nor gone" "" "$(grep -v ' Live ' /proc/modules)"
is "modprobes that have not ended" "" "$(pidof modprobe)"
t modprobe ext4
status 0
loaded ext4 jbd2 mbcache crc16
t modprobe -r ext4
status 0
absent ext4
remove_all
absent jbd2 mbcache crc16
