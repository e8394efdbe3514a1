# modprobe loads a driver's dependencies before it, deepest first, and
# /proc/modules and lsmod show them.
t modprobe iptable_nat
status 0
out
err
order x_tables ip_tables nf_defrag_ipv4 nf_defrag_ipv6 libcrc32c nf_conntrack nf_nat iptable_nat
t lsmod
status 0
err
is "lsmod lists what /proc/modules lists, in its order" "$(in_kernel)" "$(sed 1d /tmp/out | cut -d' ' -f1)"
out_has '^Module                  Size  Used by$'
out_has '^nf_conntrack +[0-9]+  1 nf_nat$'
out_has '^iptable_nat +[0-9]+  0$'
is "the header comes first" "Module                  Size  Used by" "$(head -n 1 /tmp/out)"
# Again: nothing to do, and no word about it.
t modprobe iptable_nat
status 0
out
err
# In the order that leaves nothing in use.
for module in iptable_nat ip_tables x_tables nf_nat nf_conntrack nf_defrag_ipv6 nf_defrag_ipv4; do
    t rmmod $module
    status 0
    out
    err
done
t rmmod libcrc32c crc32c_intel crc32c_generic
status 0
