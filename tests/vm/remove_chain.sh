# modprobe -r takes the whole chain down, whatever its depth.
# differs: 18, the original leaves the deepest dependencies
before_chain=$(in_kernel)
t modprobe iptable_nat
status 0
t modprobe -r iptable_nat
status 0
out
err
absent iptable_nat ip_tables x_tables nf_nat nf_conntrack nf_defrag_ipv6 nf_defrag_ipv4 libcrc32c
# The softdeps of libcrc32c, which another holder could still want.
t modprobe -r -a crc32c_intel crc32c_generic
