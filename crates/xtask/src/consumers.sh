# Runs inside a Debian system as its root: the programs that use module tools,
# those named, each on its own. What came of one lies in /results/NAME: `status` has to be 0,
# every other file is compared; what it said is in /results/NAME.log.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
V=$(ls /lib/modules)
BUILD=/usr/src/linux-headers-$V
# A System.map for those who insist on one: the kernel's own exports.
awk '$3 == "vmlinux" {
    print "ffffffff81000000 T " $2 "\nffffffff82000000 r __ksymtab_" $2
}' $BUILD/Module.symvers >$BUILD/System.map

# Runs a function in a shell of its own.
consumer() {
    out=/results/$1
    mkdir -p $out
    # What `set -e` ends here has failed.
    (set -e; $1) >$out.log 2>&1
    echo $? >$out/status
}

# The module lists below a root, and what the tools answer in there.
image() {
    (cd $1 && find . -type f -name '*.ko*' | sort) >$out/modules
    (cd $1 && find . ! -name '*.so*' | sort) >$out/names
    cp $1/usr/lib/modules/$V/modules.* $out
    for name in virtio_blk ext4 xhci-pci virtio:d00000002v00001AF4; do
        chroot $1 /sbin/modprobe -S $V --show-depends $name
    done >$out/depends
    chroot $1 /sbin/modprobe -S $V -c >$out/config
}

# The kernel package's postinst: depmod, DKMS's hook, update-initramfs.
initramfs_tools() {
    printf 'MODULES=most\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >/etc/initramfs-tools/conf.d/quick
    printf 'loop max_loop=8\n' >>/etc/initramfs-tools/modules
    rm /lib/modules/$V/modules.dep /lib/modules/$V/modules.*.bin /boot/initrd.img-$V
    DPKG_MAINTSCRIPT_PACKAGE=linux-image-$V /var/lib/dpkg/info/linux-image-$V.postinst configure
    for file in /lib/modules/$V/modules.*; do cp $file $out/whole.$(basename $file); done
    unmkinitramfs /boot/initrd.img-$V /tmp/initramfs
    root=/tmp/initramfs/main
    [ -d $root ] || root=/tmp/initramfs
    image $root
}

dracut_core() {
    dracut --force --no-hostonly --no-early-microcode --no-compress --kver $V /tmp/dracut.img
    mkdir /tmp/dracut
    (cd /tmp/dracut && cpio -id --quiet) </tmp/dracut.img
    image /tmp/dracut
}

# Two modules, one of which needs the other.
sources() {
    mkdir -p $1
    cat >$1/first.c <<'EOF'
#include <linux/module.h>
int first(int number) { return number + 1; }
EXPORT_SYMBOL_GPL(first);
MODULE_LICENSE("GPL");
MODULE_VERSION("1.5");
EOF
    cat >$1/second.c <<'EOF'
#include <linux/module.h>
int first(int number);
static int __init begin(void) { return first(-1); }
static void __exit end(void) { }
module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: loop");
MODULE_ALIAS("komod-second:*");
EOF
    echo 'obj-m := first.o second.o' >$1/Makefile
}

# What the module directory says of the two.
both() {
    grep -E '^[^:]*/(first|second)\.ko|^softdep second|second:|symbol:first ' \
        /lib/modules/$V/modules.* | sort
    modinfo -k $V -F filename first second
    modinfo -k $V -F depends second
    modprobe -S $V --show-depends komod-second:x
}

dkms_modules() {
    sources /usr/src/pair-1.5
    cat >/usr/src/pair-1.5/dkms.conf <<'EOF'
PACKAGE_NAME="pair"
PACKAGE_VERSION="1.5"
BUILT_MODULE_NAME[0]="first"
DEST_MODULE_LOCATION[0]="/updates/dkms"
BUILT_MODULE_NAME[1]="second"
DEST_MODULE_LOCATION[1]="/updates/dkms"
AUTOINSTALL="yes"
EOF
    dkms add pair/1.5
    dkms build pair/1.5 -k $V
    dkms install pair/1.5 -k $V
    dkms status >$out/status.text
    both >$out/installed
    # The same version again: DKMS compares what modinfo says.
    dkms install pair/1.5 -k $V >$out/again 2>&1
    dkms remove pair/1.5 --all
    ! modinfo -k $V second
    cp /lib/modules/$V/modules.* $out
}

modules_install() {
    sources /usr/src/mine
    make -s -C $BUILD M=/usr/src/mine modules
    make -C $BUILD M=/usr/src/mine modules_install 2>&1 | grep DEPMOD >$out/said
    both >$out/installed
    mkdir -p /stage
    make -C $BUILD M=/usr/src/mine INSTALL_MOD_PATH=/stage modules_install 2>&1 |
        grep '[Dd][Ee][Pp][Mm][Oo][Dd]' >>$out/said
    (cd /stage/lib/modules/$V && ls && sort modules.dep) >$out/staged
}

# Those that link the library: their own words, and what they install. The running
# kernel's modules are taken to be this system's; none gets in, as this is no kernel
# of theirs.
of_the_library() {
    ln -sfn $V /lib/modules/$(uname -r)
    mount -t sysfs sysfs /sys
    printf 'loop\next4\nbridge\nnosuch\npci:v00008086d00001237sv*\nmac80211_hwsim\n' \
        >/etc/modules-load.d/of-the-library.conf
    printf 'blacklist bridge\nalias pci:* loop\n' >/etc/modprobe.d/of-the-library.conf
    export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console
    /usr/lib/systemd/systemd-modules-load >$out/modules-load 2>&1 || echo $? >>$out/modules-load
    grep -q "Module 'bridge' is deny-listed" $out/modules-load
    udevadm test-builtin 'kmod load loop' /sys/class/mem/null 2>&1 |
        grep -i module >$out/udevadm
    lspci -k >$out/lspci
    # A machine may have no such device.
    [ ! -s $out/lspci ] || grep -q 'Kernel modules: loop' $out/lspci
    rm /lib/modules/$(uname -r)
    for words in '-S iw_handler_get_spy -s cfg80211|ieee80211 =drivers/net' \
        '-N nvme|foo -s drm_crtc_init|^drm_ =drivers/gpu' '=fs' 'xfs btrfs nosuch dm-crypt'; do
        mkdir /tmp/installed
        /usr/lib/dracut/dracut-install -D /tmp/installed --kerneldir /lib/modules/$V -m -o $words
        (cd /tmp/installed && find . -type f | sort)
        rm -r /tmp/installed
    done >$out/installed 2>&1
    [ $(wc -l <$out/installed) -gt 300 ]
}

mkdir -p /results
depmod --version >/results/version
for name; do consumer $name; done
