FILESEXTRAPATHS:prepend := "${THISDIR}/${PN}:"

SRC_URI += "file://10-firewall-first.conf"

do_install:append() {
    install -D -m 0644 ${UNPACKDIR}/10-firewall-first.conf ${D}${systemd_system_unitdir}/systemd-networkd.service.d/10-firewall-first.conf
}

FILES:${PN} += "${systemd_system_unitdir}/systemd-networkd.service.d"
