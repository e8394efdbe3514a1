# Runs inside a Debian system as its root: builds the modules that a kernel refuses, each
# for one reason, into /causes. The first word is a key's PEM file, of which /causes/key.x509
# is the certificate.
set -e
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
V=$(ls /lib/modules)
BUILD=/usr/src/linux-headers-$V
S=/causes/sources

# DIRECTORY FLAGS OBJECT...: builds these in a directory of their own.
build() {
    dir=/tmp/$1
    flags=$2
    shift 2
    mkdir -p $dir
    cp $S/*.c $dir
    for name; do echo "obj-m += $name.o"; done >$dir/Makefile
    echo "ccflags-y := $flags" >>$dir/Makefile
    make -s -C $BUILD M=$dir KBUILD_MODPOST_WARN=1 modules
}
# A module of user.c: NAME FLAGS SYMBOLS.
user() {
    mkdir -p /tmp/$1
    cp $S/user.c /tmp/$1/$1.c
    echo "obj-m += $1.o" >/tmp/$1/Makefile
    echo "ccflags-y := $2" >>/tmp/$1/Makefile
    make -s -C $BUILD M=/tmp/$1 KBUILD_MODPOST_WARN=1 KBUILD_EXTRA_SYMBOLS="$3" modules
    strip -g -o /causes/$1.ko /tmp/$1/$1.ko
}
build now -DVALUE=long export double parameter stays held printk slow large
cp /tmp/now/*.ko /causes
build then -DVALUE=short export
strip -g /causes/*.ko
user user '-DPLAIN -DVALUE=long' /tmp/now/Module.symvers
user stale '-DPLAIN -DVALUE=short' /tmp/then/Module.symvers
user spaced -DSPACED /tmp/now/Module.symvers
user closed -DFREE /tmp/now/Module.symvers
user waiter -DSLOW /tmp/now/Module.symvers
user nobody '' ''

# What the build does not let pass is changed afterwards, to the same length.
cd /causes
perl -pi -e 's/import_ns=HINT_SPACE/import_ns=HINT_OTHER/' spaced.ko
perl -pi -e 's/license=GPL v2\0/license=Closed\0/' closed.ko
cp /tmp/now/stays.o object.ko
perl -0777 -pe 's/....(\0{4}module_layout\0)/\x11\x22\x33\x44$1/s' stays.ko >layout.ko
perl -0777 -pe 's/ SMP preempt / UMP preempt /' stays.ko >flags.ko
objcopy --rename-section __versions=__hint stays.ko release.ko
perl -pi -e 's/(vermagic=[0-9.]*)\d\+/${1}x+/' release.ko
perl -0777 -pe 'substr($_, 18, 2) = "\xb7\0"' stays.ko >machine.ko
strip -s -o stripped.ko stays.ko
objcopy --dump-section .gnu.linkonce.this_module=/tmp/struct stays.ko
printf '%064d' 0 >>/tmp/struct
objcopy --update-section .gnu.linkonce.this_module=/tmp/struct stays.ko struct.ko
cp /usr/lib/x86_64-linux-gnu/libdl.so.2 library.ko
SIGN=/usr/lib/linux-kbuild-*/scripts/sign-file
$SIGN sha256 "$1" key.x509 parameter.ko signed.ko
# With a digest that the kernel has not.
$SIGN sm3 "$1" key.x509 parameter.ko crypto.ko
# Fields behind the signature that have to be 0.
perl -0777 -pe 'substr($_, -40, 1) = "\1"' signed.ko >trailer.ko
xz -k --check=crc32 stays.ko
head -c 900 stays.ko.xz >cut.ko.xz
xz -c --check=crc64 parameter.ko >crc64.ko.xz
rm stays.ko.xz
