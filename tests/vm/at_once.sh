# Several of them at once: each loads or finds loaded, none fails.
for round in 1 2 3; do
    for one in 1 2 3 4; do
        (modprobe ext4 >/tmp/out.$one 2>&1; echo $? >>/tmp/out.$one) &
    done
    wait
    for one in 1 2 3 4; do
        is "round $round, modprobe $one" 0 "$(cat /tmp/out.$one)"
    done
    loaded ext4 jbd2 mbcache crc16
    t rmmod ext4 jbd2 mbcache crc16 crc32c_intel crc32c_generic
    status 0
done
