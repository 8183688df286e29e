OBMC_IMAGE_EXTRA_INSTALL:append = " bimetal-proxy"

# Doors that nobody needs once the proxy is there: SSH, IPMI over the network, and the web page, whose calls are no
# Redfish. The firewall shuts them as well; what is not there needs no shutting.
IMAGE_FEATURES:remove = "ssh-server-dropbear obmc-net-ipmi obmc-webui"
