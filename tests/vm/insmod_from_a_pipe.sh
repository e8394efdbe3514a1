# insmod takes a module from a pipe: it is read into memory.
# differs: the original seeks in it and says Operation not permitted
mkfifo /tmp/pipe.ko
cat /samples/good.ko >/tmp/pipe.ko &
calls insmod /tmp/pipe.ko
status 0
out
err
made init
loaded dummy
wait
t rmmod dummy
status 0
