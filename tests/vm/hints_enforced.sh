# Where only signed modules are taken, and where IMA has a say.
# boot: module.sig_enforce=1
# with: causes
# differs: kmod has no hints
C=/causes
insert() { t insmod "$@"; status 1; }
insert $C/stays.ko
err_has ': HINT: '
cause unsigned 'is not signed \(the kernel has sig_enforce=Y\)'
insert $C/signed.ko
cause unknown-key 'signer Hint test key, key [0-9A-F:]+, not in /proc/keys; the kernel has sig_enforce=Y'
insert $C/crypto.ko
cause unknown-crypto 'signed in a way that the kernel does not know \(signer Hint test key\)'
insert -f /samples/good.ko
cause forced-unsigned 'a forced module counts as unsigned \(the kernel has sig_enforce=Y\)'
insert /samples/tampered.ko
cause bad-signature-enforced 'signature of .* does not fit'
t modprobe dummy
status 0
no_hint
t rmmod dummy
mount -t securityfs none /sys/kernel/security
if echo 'appraise func=MODULE_CHECK appraise_type=imasig' >/sys/kernel/security/ima/policy; then
    t modprobe dummy
    status 1
    cause ima 'IMA does not trust the file'
fi
