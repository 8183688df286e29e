FILESEXTRAPATHS:prepend := "${THISDIR}/${PN}:"

SRC_URI += "file://10-loopback.conf"

do_install:append() {
    install -D -m 0644 ${UNPACKDIR}/10-loopback.conf ${D}${systemd_system_unitdir}/bmcweb.socket.d/10-loopback.conf
}

FILES:${PN} += "${systemd_system_unitdir}/bmcweb.socket.d"
