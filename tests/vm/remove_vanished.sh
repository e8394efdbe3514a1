# Somebody else is faster: what is gone already is no failure.
# differs: 24, the original says that there is no such file
conf 'softdep dummy post: veth' 'remove veth /sbin/rmmod veth dummy'
t modprobe dummy
status 0
loaded dummy veth
# The softdep's command takes dummy away too, between plan and call.
t modprobe -r dummy
status 0
out
err
absent dummy veth
# Ten at once: each succeeds, finds it gone, or the kernel says that it is busy
# going.
conf
for round in 1 2 3; do
    t modprobe dummy
    : >/tmp/lost
    for one in 1 2 3 4 5 6 7 8 9 10; do
        modprobe -r dummy 2>>/tmp/lost || echo "status $?" >>/tmp/lost &
    done
    wait
    others=$(grep -vx -e "modprobe: ERROR: could not remove 'dummy': Device or resource busy" \
        -e 'status 1' /tmp/lost)
    is "round $round" "" "$others"
    absent dummy
done
