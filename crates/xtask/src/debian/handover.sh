# Commands that one package hands over to another never vanish between the two.
#
# apt removes a package that conflicts before it unpacks the one that takes its place.
# dpkg removes a file that is diverted where it is diverted to, and finds nothing there:
# the old program keeps its name, owned by nobody, until the new one takes it by rename.
#
# keep PACKAGE...      the files of those packages that are about to be removed
# keep-of PACKAGE      the files of this one, whatever becomes of it
# release PATTERN      let dpkg have the paths that match
# settle               release all, remove what nobody has taken
# end                  the same, for the last time
set -e
export LC_ALL=C
own=komod-handover
kept=/var/lib/$own/kept
hook=/etc/dpkg/dpkg.cfg.d/$own

hold() {
	# A library's name is a link to a file that goes: it becomes that file itself.
	case $1 in
	*.so.*)
		if [ -L "$1" ] && ln -f "$(readlink -f "$1")" "$1.$own-file"; then
			mv -f "$1.$own-file" "$1"
		fi
		;;
	esac
	mkdir -p ${kept%/*}
	echo "$1" >>$kept
	dpkg-divert --quiet --package $own --no-rename --divert "$1.$own" --add "$1"
}

keep_of() {
	dpkg-query --listfiles "$1" | while read -r file; do
		case $file in
		*/bin/* | */sbin/* | */modprobe.d/*.conf | */libkmod.so.2) hold "$file" ;;
		esac
	done
}

keep() {
	show='${db:Status-Want} ${db:Status-Status} ${binary:Package}\n'
	dpkg-query --show --showformat="$show" "$@" 2>/dev/null | while read -r want status name; do
		case "$want $status" in
		'deinstall installed' | 'purge installed') keep_of "$name" ;;
		esac
	done
}

release() {
	dpkg-divert --list $own | while read -r _ _ file _; do
		case $file in
		$1) dpkg-divert --quiet --package $own --no-rename --remove "$file" ;;
		esac
	done
}

# /bin and /usr/bin are one directory, for which dpkg knows two names.
is_owned() {
	dpkg-query --search "$1" >/dev/null 2>&1 || dpkg-query --search "/usr$1" >/dev/null 2>&1 ||
		dpkg-query --search "${1#/usr}" >/dev/null 2>&1
}

settle() {
	release '*'
	[ -e $kept ] || return 0
	sort -u $kept | while read -r file; do
		is_owned "$file" || rm -f "$file"
	done
	rm $kept
	rmdir ${kept%/*} 2>/dev/null || true
}

# Once kmod is back, nothing of this package runs before kmod is removed another time:
# then dpkg has to ask.
watch() {
	show='${db:Status-Status}\n'
	if dpkg-query --show --showformat="$show" kmod libkmod2 2>/dev/null | grep -qx installed; then
		echo "pre-invoke=/usr/share/$own/handover keep kmod libkmod2 || true" >$hook
	else
		rm -f $hook
	fi
}

case $1 in
keep) shift && keep "$@" ;;
keep-of) keep_of "$2" ;;
release) release "$2" ;;
settle) settle && watch ;;
end) settle && rm -f $hook ;;
esac
