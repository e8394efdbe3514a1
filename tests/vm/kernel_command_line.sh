# Options and blacklists of the kernel's command line reach modprobe, after
# those of modprobe.d.
# boot: brd.rd_nr=4 brd.max_part=4 modprobe.blacklist=dummy quiet
conf 'options brd rd_nr=2 rd_size=1024'
t modprobe -v brd
status 0
out "insmod $MODULES/kernel/drivers/block/brd.ko.xz rd_nr=2 rd_size=1024 rd_nr=4 max_part=4 "
param brd rd_nr 4
param brd rd_size 1024
param brd max_part 4
t modprobe -r brd
status 0
# A blacklist holds for aliases, and for names with -b.
t modprobe -b dummy
status 0
absent dummy
t modprobe rtnl-link-dummy
status 0
absent dummy
t modprobe dummy
status 0
loaded dummy
t modprobe -r dummy
status 0
