SUMMARY = "Two-person authorization in front of a BMC's Redfish"
DESCRIPTION = "The Bimetal proxy as the only thing that a BMC answers with on its network."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

# program.tar.gz is what `bimetal qemu layer` bundles: JavaScript for Node 20 or later, for every processor.
SRC_URI = " \
    file://program.tar.gz;subdir=program \
    file://bimetal-proxy.service \
    file://bimetal-firewall.service \
    file://firewall.nft \
    file://site.yaml \
"
S = "${UNPACKDIR}"

inherit systemd useradd

USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --user-group --no-create-home --home-dir /var/lib/bimetal --shell /sbin/nologin bimetal"

SYSTEMD_SERVICE:${PN} = "bimetal-proxy.service bimetal-firewall.service"
RDEPENDS:${PN} = "nodejs nftables"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${nonarch_libdir}/bimetal ${D}${datadir}/bimetal
    cp -R --no-preserve=ownership ${UNPACKDIR}/program/. ${D}${nonarch_libdir}/bimetal/
    install -m 0644 ${UNPACKDIR}/firewall.nft ${D}${datadir}/bimetal/firewall.nft
    install -m 0644 ${UNPACKDIR}/site.yaml ${D}${datadir}/bimetal/site.yaml
    install -D -m 0644 ${UNPACKDIR}/bimetal-proxy.service ${D}${systemd_system_unitdir}/bimetal-proxy.service
    install -D -m 0644 ${UNPACKDIR}/bimetal-firewall.service ${D}${systemd_system_unitdir}/bimetal-firewall.service
}

FILES:${PN} += "${nonarch_libdir}/bimetal ${datadir}/bimetal"
