# The library loads what modprobe loads, says what the kernel knows of it, and
# takes modules out again. `ask` prints its answers.
t ask new load 'lookup iptable_nat' 'probe 0' state sections 'remove 0' state
status 0
err
order x_tables ip_tables nf_defrag_ipv4 nf_defrag_ipv6 libcrc32c nf_conntrack nf_nat
absent iptable_nat
out_has '^  insmod x_tables path=.*/x_tables.ko.xz \[\]$'
out_has '^probe: 0$'
out_has '^state: 1 live refcnt=0 size=[0-9]+$'
out_has '^sections: [1-9][0-9]+, sum 0x[0-9a-f]+$'
out_has '^remove: 0$'
out_has '^state: -2 - refcnt=-2 size=-2$'
t ask new 'name nf_conntrack' state holders 'remove 1' loaded
status 0
err
out_has '^state: 1 live refcnt=1 size=[0-9]+$'
out_has '^holders: 0: nf_nat$'
out_has '^remove: -11$'
is "the list of what is loaded" "$(in_kernel)" "$(sed -n 's/^  \([a-z0-9_]*\) path=.*/\1/p' /tmp/out | sed 1d)"
# An alias, with its options; again; forced; held back.
conf 'options dummy numdummies=3' 'alias card-* dummy' 'blacklist brd' 'install ifb true $CMDLINE_OPTS'
t ask new 'lookup card-x' 'probe 0' 'probe 0x20' 'probe 0x8' 'remove 0'
status 0
err
out_has '^  insmod dummy path=.*/dummy.ko.xz \[numdummies=3 \]$'
out_has '^probe: -17$'
absent dummy
t ask new 'lookup brd' 'probe 0x20000' 'insert 0 rd_nr=2' state 'remove 0'
status 0
err
out_has '^probe: 131072$'
out_has '^insert: 0$'
absent brd
t ask new 'lookup ifb' 'probe-alone 0 numifbs=1' state
status 0
err
out_has '^probe: 0$'
out_has '^state: -2'
# Unpacked here: not the kernel's own compression, and not compressed.
t ask new 'lookup nlmon' 'probe 0' state 'remove 0' 'lookup veth' 'probe 0' state 'remove 0'
status 0
err
is "both went in" 2 "$(grep -c '^state: 1 live' /tmp/out)"
# Refused: no module, and a parameter that is none.
t ask new 'path /samples/short.ko' 'insert 0' 'name dummy' 'insert 0 numdummies=many'
status 0
out_has '^insert: -8$'
out_has '^insert: -22$'
absent dummy
for module in iptable_nat nf_nat nf_conntrack nf_defrag_ipv6 nf_defrag_ipv4 ip_tables x_tables; do
    ask new "name $module" 'remove 1' >/dev/null
done
rmmod libcrc32c crc32c_intel crc32c_generic 2>/dev/null
