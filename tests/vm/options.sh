# Options of modprobe.d and of the command line reach the module, in this
# order, so that the command line wins.
conf 'options brd rd_nr=3' 'options brd rd_size=1024 max_part=2'
t modprobe -v brd rd_size=2048
status 0
out "insmod $MODULES/kernel/drivers/block/brd.ko.xz rd_nr=3 rd_size=1024 max_part=2 rd_size=2048"
err
param brd rd_nr 3
param brd max_part 2
param brd rd_size 2048
t modprobe -r brd
status 0
absent brd

# A value with a blank is quoted on its way; insmod does so itself.
t insmod $MODULES/kernel/drivers/block/brd.ko.xz rd_nr=2 rd_size=512
status 0
out
err
param brd rd_nr 2
param brd rd_size 512
t rmmod brd
status 0
out
err

# The kernel refuses a value it cannot read.
t modprobe brd rd_nr=many
status 1
out
err "modprobe: ERROR: could not insert 'brd': Invalid argument"
t insmod $MODULES/kernel/drivers/block/brd.ko.xz rd_nr=many
status 1
err "insmod: ERROR: could not insert module $MODULES/kernel/drivers/block/brd.ko.xz: Invalid parameters"
absent brd
