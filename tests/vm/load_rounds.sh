# boot: maxcpus=1 rounds
# A thousand rounds of loading and removing: nothing stays behind. A machine that is
# too busy for them in seven minutes does as many as it can; the original shows with
# fewer that the scenario is right.
. /scenarios/scales
round() {
    for n in $(seq "$1"); do
        modprobe dummy && modprobe -r dummy || echo "round $n: $?"
    done
}
round 50 >/dev/null
weigh
wanted=1000
! original || wanted=300
start=$(now) done=0
while [ $done -lt $wanted ] && [ $(($(now) - start)) -lt 42000 ]; do
    round 50 >/tmp/rounds 2>&1
    done=$((done + 50))
    is "what $done rounds say" "" "$(cat /tmp/rounds)"
    echo "$done rounds"
done
spent=$(($(now) - start))
is "enough rounds" yes "$([ $done -ge 200 ] && echo yes || echo $done)"
nothing_stays "$done rounds of loading and removing"
echo "@@ note $done rounds take ${spent}0 ms"
