# boot: maxcpus=1
# with: original
# A thousand requests of the kernel for names that nobody knows, made by a user
# without any rights: nothing stays behind. They take at most twice the time that
# the original needs.
trace=/sys/kernel/tracing
echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
echo 'nobody:x:65534:' >/etc/group
# Nodes of a device that no driver serves: the kernel asks for it by both numbers,
# then by the first alone.
mkdir -p /tmp/nodes
for minor in $(seq 0 549); do
    mknod /tmp/nodes/$minor c 60 $minor
    chmod 666 /tmp/nodes/$minor
done
open_nodes() {
    su -s /bin/sh nobody -c "for n in \$(seq $1 $2); do true </tmp/nodes/\$n; done" 2>/dev/null
}
. /scenarios/scales
open_nodes 500 549
weigh
echo 0 >$trace/tracing_on
echo >$trace/trace
echo 1 >$trace/events/module/module_request/enable
echo 1 >$trace/tracing_on
ours=0 theirs=0
for batch in 0 1 2 3 4 5 6 7 8 9; do
    start=$(now)
    open_nodes $((batch * 50)) $((batch * 50 + 49))
    ours=$((ours + $(now) - start))
    echo "batch $batch"
done
requests=$(grep -c 'module_request: char-major-60' $trace/trace)
echo 0 >$trace/events/module/module_request/enable
is "requests of the kernel" yes "$([ "$requests" -ge 1000 ] && echo yes || echo $requests)"
nothing_stays "$requests requests"

# The original's time, in batches beside ours.
ours=0
for batch in 0 1 2 3 4; do
    for who in ours theirs; do
        case $who in
        ours) echo /sbin/modprobe >/proc/sys/kernel/modprobe ;;
        theirs) echo /original/modprobe >/proc/sys/kernel/modprobe ;;
        esac
        open_nodes 500 509
        start=$(now)
        open_nodes $((batch * 50)) $((batch * 50 + 49))
        spent=$(($(now) - start))
        echo "batch $batch, $who"
        [ $who = ours ] && ours=$((ours + spent)) || theirs=$((theirs + spent))
    done
done
echo /sbin/modprobe >/proc/sys/kernel/modprobe
echo "@@ note 500 requests take ${ours}0 ms, the original's ${theirs}0 ms"
is "time of 500 requests, twice the original's at most" yes "$([ $ours -le $((theirs * 2)) ] && echo yes)"
rm -rf /tmp/nodes
