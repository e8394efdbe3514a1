# What the kernel says of modules it does not take, and what comes of force.
S=/samples
t insmod $S/good.ko
status 0
loaded dummy
t rmmod dummy
status 0

refused() { # SAMPLE TEXT
    t insmod $S/$1.ko
    status 1
    out
    err "insmod: ERROR: could not insert module $S/$1.ko: $2"
    absent dummy
}
refused tampered 'Key was rejected by service'
refused vermagic 'Invalid module format'
refused crc 'Invalid parameters'
refused symbol 'Unknown symbol in module'
refused truncated 'Invalid module format'
refused short 'Invalid module format'

# This kernel takes what is not signed, and says so.
t insmod $S/unsigned.ko
status 0
is taint E "$(tr -d '\n' </sys/module/dummy/taint)"
t rmmod dummy

# By path, modprobe tells its own story of them.
t modprobe $S/good.ko
status 0
t rmmod dummy
t modprobe $S/vermagic.ko
status 1
err "modprobe: ERROR: could not insert 'vermagic': Exec format error"
t modprobe $S/symbol.ko
status 1
err "modprobe: ERROR: could not insert 'symbol': Unknown symbol in module, or unknown parameter (see dmesg)"

# Forced, another kernel's module goes in; broken ones do not.
t insmod -f $S/vermagic.ko
status 0
loaded dummy
t rmmod dummy
t insmod -f $S/crc.ko
status 0
t rmmod dummy
t modprobe --force-vermagic $S/vermagic.ko
status 0
t rmmod dummy
t modprobe --force-modversion $S/vermagic.ko
status 1
t insmod -f $S/truncated.ko
status 1
err "insmod: ERROR: could not insert module $S/truncated.ko: Invalid module format"

# Compressed as the kernel does not know it, the flags are carried out in
# user space: the file is changed before it goes in, and then its signature
# is that of other contents.
zstd_module=$MODULES/kernel/drivers/net/nlmon.ko.zst
calls insmod -f $zstd_module
status 1
err "insmod: ERROR: could not insert module $zstd_module: Key was rejected by service"
made init
absent nlmon
