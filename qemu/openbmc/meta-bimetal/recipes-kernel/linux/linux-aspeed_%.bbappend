FILESEXTRAPATHS:prepend := "${THISDIR}/${PN}:"

# OpenBMC's kernels come without nftables.
SRC_URI += "file://nftables.cfg"
