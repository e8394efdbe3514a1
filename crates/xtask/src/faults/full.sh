# $1: scratch, with bin/depmod, old/ and new/ (the two databases) and disk/;
# $2: the base to copy; $3: the kernel's release.
#
# Says one line for each run: WHAT: old|new|mixed STATUS, its messages, and
# "left:" with what is beside the database that was not before.
cd "$1"
disk=$1/disk dir=$1/disk/lib/modules/$3
mount_one() {
    mount -t tmpfs -o "$1" none "$disk"
    cp -a "$2/." "$disk"
    before=$(ls -A "$dir")
}
is() { for file in "$1"/*; do cmp -s "$file" "$dir/${file##*/}" || return 1; done; }
depmod() {
    status=0
    (
        ulimit -f "$limit"
        exec "$scratch/bin/depmod" -b "$disk" -C "$disk/depmod.d" "$release" 2>"$scratch/messages"
    ) || status=$?
    if is "$scratch/old"; then state=old; elif is "$scratch/new"; then state=new; else state=mixed; fi
    left=$(ls -A "$dir")
    [ "$left" = "$before" ] && left= || left=" left: $(echo $left)"
    said=$(tr '\n' ' ' <"$scratch/messages")
    echo "$1: $state $status${said:+ ${said% }}$left"
}
scratch=$1 release=$3 limit=unlimited

mount_one size=64m,mode=755 "$2"
dd if=/dev/zero of="$disk/filler" bs=4096 2>/dev/null || :
free=0
while :; do
    depmod "$free blocks free"
    [ "$state" = old ] || break
    truncate -s -4096 "$disk/filler"
    free=$((free + 1))
done
umount "$disk"

mount_one nr_inodes=1000,mode=755 "$2"
n=0
while touch "$disk/filler$n" 2>/dev/null; do n=$((n + 1)); done
free=0
while :; do
    depmod "$free inodes free"
    [ "$state" = old ] || break
    n=$((n - 1))
    rm "$disk/filler$n"
    free=$((free + 1))
done
umount "$disk"

mount_one size=64m,mode=755 "$2"
mount -o remount,ro "$disk"
depmod "only to be read"

mount -o remount,rw "$disk"
limit=1
while :; do
    depmod "files of $limit half KiB"
    [ "$state" = old ] || break
    limit=$((limit + 4))
done
umount "$disk"
