# Modules that need the same ones: what another still uses stays, the rest
# goes, each once, nearest first.
# differs: 18, the original leaves the deepest dependencies
T='crc32c_intel crc32c_generic'
t modprobe -a iptable_nat iptable_filter
status 0
loaded iptable_nat iptable_filter ip_tables x_tables nf_nat nf_conntrack libcrc32c
calls modprobe -r -v iptable_nat
status 0
out 'rmmod iptable_nat' 'rmmod nf_nat' 'rmmod nf_conntrack' 'rmmod libcrc32c' \
    'rmmod nf_defrag_ipv6' 'rmmod nf_defrag_ipv4'
err 'modprobe: NOTICE: module ip_tables is skipped: used by iptable_filter' \
    'modprobe: NOTICE: module x_tables is skipped: used by ip_tables, iptable_filter'
absent iptable_nat nf_nat nf_conntrack libcrc32c nf_defrag_ipv6 nf_defrag_ipv4
loaded iptable_filter ip_tables x_tables
t modprobe iptable_nat
status 0
# With time to wait it is the same: only what was asked for is waited for.
t modprobe -r -w 2000 iptable_nat
status 0
err
absent iptable_nat nf_nat nf_conntrack libcrc32c
loaded iptable_filter ip_tables x_tables
t modprobe -r iptable_filter
status 0
absent iptable_filter ip_tables x_tables
t modprobe -r -a $T
