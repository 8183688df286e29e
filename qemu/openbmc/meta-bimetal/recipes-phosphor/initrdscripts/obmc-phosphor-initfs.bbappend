# On a flash with fixed partitions an update keeps only what this list names, and so would lose the BMC's credentials.
do_install:append() {
    if [ ! -f ${D}/whitelist ]; then
        bbfatal "obmc-phosphor-initfs keeps its list of files elsewhere: an update would erase /var/lib/bimetal"
    fi
    echo /var/lib/bimetal >> ${D}/whitelist
}
