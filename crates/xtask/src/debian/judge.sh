# Runs inside a Debian system as its root: komod's packages take the place of kmod's and
# give it back, by apt, while every name is looked for without a pause. Says `ok` or `FAIL`
# and what about, a line each. $1 is the release's number.
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
LIBRARY=/usr/lib/x86_64-linux-gnu/libkmod.so.2
COMMANDS='/usr/bin/kmod /usr/bin/lsmod /usr/sbin/depmod /usr/sbin/insmod /usr/sbin/lsmod
	/usr/sbin/modinfo /usr/sbin/modprobe /usr/sbin/rmmod'
HOOK=/etc/dpkg/dpkg.cfg.d/komod-handover

# check ABOUT COMMAND...: holds if the command ends with 0.
check() {
	about=$1
	shift
	if "$@" >/said 2>&1; then
		echo "ok $about"
	else
		echo "FAIL $about: $*: $(tail -n 15 /said)"
	fi
}

# silent ABOUT COMMAND...: holds if the command says nothing.
silent() {
	about=$1
	shift
	if said=$("$@" 2>&1); [ -z "$said" ]; then echo "ok $about"; else echo "FAIL $about: $said"; fi
}

gone() { [ ! -e $1 ] && [ ! -L $1 ]; }
not() { ! "$@"; }

# Looks for all names and runs one of them until /enough is there.
look() {
	looks=0
	while [ ! -e /enough ]; do
		for file in $COMMANDS /sbin/modprobe $LIBRARY; do
			[ -e $file ] || echo "$file is missing" >>/missing
		done
		looks=$((looks + 1))
		[ $((looks % 50)) != 0 ] || /sbin/modprobe --version >/dev/null 2>>/missing ||
			echo "modprobe does not run" >>/missing
	done
	echo $looks >/looks
}

# apt WORDS..., while somebody looks.
apt_watched() {
	rm -f /enough /missing
	look &
	check "apt-get $*" apt-get -qq -y --allow-downgrades "$@"
	: >/enough
	wait
	check "looked $(cat /looks) times" test $(cat /looks) -gt 1000
	silent 'nothing was missing' sh -c '[ ! -e /missing ] || sort /missing | uniq -c'
	silent 'dpkg has nothing to complain of' dpkg --audit
	check 'nor has apt' apt-get check
	silent 'nothing is diverted' dpkg-divert --list komod-handover
	check "what has to do with it is tidied up" gone /var/lib/komod-handover
	silent 'no file is left' find /usr /etc /var/lib -name '*.komod-handover*'
	check 'the loader knows the library' sh -c 'ldconfig -p | grep -q libkmod.so.2'
}

ours() {
	apt_watched install /debs/ours/komod-handover_*.deb /debs/ours/komod_*.deb \
		/debs/ours/libkomod2_*.deb "$@"
	silent 'all files are as packed' dpkg --verify komod libkomod2 komod-handover
	for command in $COMMANDS; do
		check "$command is komod" sh -c "$command --version | grep -q ^komod"
	done
	check 'the library is komod' sh -c "dpkg-query --search $LIBRARY.5.1 | grep -q ^libkomod2"
	check 'it does not watch dpkg' gone $HOOK
}

theirs() {
	apt_watched install "$@" /debs/theirs/kmod_*.deb /debs/theirs/libkmod2_*.deb
	are_theirs
}

# The tools alone are asked for, of an archive. Debian 12's want the very library of their
# own release, which comes with them; with Debian 13's komod's stays.
theirs_by_name() {
	for file in /debs/theirs/*.deb; do
		dpkg-deb --field $file
		printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' ./${file##*/} $(stat -c %s $file) \
			$(sha256sum <$file | cut -d' ' -f1)
	done >/debs/theirs/Packages
	rm -rf /etc/apt/sources.list.d
	echo 'deb [trusted=yes] file:/debs/theirs ./' >/etc/apt/sources.list
	check 'apt has an archive' apt-get -qq update
	apt_watched install --autoremove kmod
	check 'modprobe is kmod' sh -c 'modprobe --version | grep -q ^kmod'
	if [ $1 = 13 ]; then
		check 'the library is still komod' sh -c \
			"dpkg-query --search $LIBRARY.5.1 | grep -q ^libkomod2"
		apt_watched install --autoremove libkmod2
	fi
	are_theirs
}

are_theirs() {
	silent "kmod's files are as packed" dpkg --verify kmod libkmod2
	check 'modprobe is kmod' sh -c 'modprobe --version | grep -q ^kmod'
	check 'modprobe is not komod' sh -c '! modprobe --version | grep -q komod'
}

# Which of the original's files komod has not, but for those that are about it.
dpkg -L kmod libkmod2 | sed 's,^/\(bin\|sbin\|lib\)/,/usr/\1/,' |
	grep -Ev '/(doc|locale|fish|zsh|bash-completion|init.d|fr)(/|$)|man5/modules\.5|so\.2\.4' |
	grep -v '^/\(bin\|sbin\|lib\)\?$' >/files
cp /var/lib/dpkg/info/libkmod2:amd64.symbols /symbols.theirs
rm -f /etc/modules
mkdir -p /etc/initramfs-tools/conf.d
printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >/etc/initramfs-tools/conf.d/quick

ours
silent "nothing of kmod's is missing" sh -c 'while read -r f; do [ -e $f ] || echo $f; done </files'
check '/etc/modules is there' sh -c '[ $(stat -c %a /etc/modules) = 644 ] && ! grep ^[^#] /etc/modules'
if [ $1 = 13 ]; then
	unmkinitramfs /boot/initrd.img-* /initramfs
	root=/initramfs/main
	[ -d $root ] || root=/initramfs
	check 'the initramfs has the program' cmp $root/usr/bin/kmod /usr/bin/kmod
	check 'it runs there' chroot $root /sbin/modprobe --version
	check 'rmmod is there' chroot $root /sbin/rmmod --version
	check 'and what is said about modules' test -e $root/usr/lib/modprobe.d/aliases.conf
	check 'and no library of it' sh -c "! find /initramfs -name 'libkmod*' | grep -q kmod.so.1"
	mkdir -p /gensymbols/debian
	cd /gensymbols
	printf 'Source: kmod\n\nPackage: libkmod2\nArchitecture: any\n' >debian/control
	check "Debian's list of symbols holds" dpkg-gensymbols -c4 -plibkmod2 -v34.2-2 \
		-I/symbols.theirs -e$LIBRARY -O/symbols.ours
	cd /
	check "komod's list of symbols is Debian's" \
		cmp /symbols.theirs /var/lib/dpkg/info/libkomod2:amd64.symbols
fi
echo 'update_initramfs=no' >/etc/initramfs-tools/update-initramfs.conf

theirs_by_name $1
check 'dpkg is watched' test -e $HOOK
silent "bash-completion's files are its own" sh -c \
	'! dpkg -s bash-completion >/dev/null 2>&1 || dpkg --verify bash-completion'
ours /debs/ours/libkomod-dev_*.deb
silent 'files for developers are as packed' dpkg --verify libkomod-dev
check 'the library can be linked' test -e ${LIBRARY%.2}

check 'komod can be removed alone' dpkg --remove --force-depends komod
for command in $COMMANDS; do check "$command is gone" gone $command; done
check 'and comes back' dpkg --install /debs/ours/komod_*.deb

# Of what came for komod's sake nothing stays, in the same run.
check 'as if komod alone had been asked for' apt-mark auto libkomod2 komod-handover
theirs --autoremove
check 'the bridge is gone too' not dpkg-query --status komod-handover
check 'and does not watch dpkg' gone $HOOK
check 'all of it goes' apt-get -qq -y purge komod libkomod2 komod-handover
silent 'nothing stays' find / -xdev -name '*komod*' ! -path '/debs*' ! -path '/proc*'
check 'but for /etc/modules' test -e /etc/modules
silent "kmod's files are as packed" dpkg --verify kmod libkmod2
