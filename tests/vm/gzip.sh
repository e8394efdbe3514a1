# A gzip module is unpacked in user space.
# differs: Debian's kmod 34.2 is built without gzip and does not see the file
calls modprobe ifb
status 0
out
err
made init
loaded ifb
t rmmod ifb
status 0
