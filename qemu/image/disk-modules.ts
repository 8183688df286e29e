/** The modules that disks and what is on them need, in groups that scripts load: `ahci` and `nvme` only where there are such. */
export const diskModules: Readonly<Record<string, readonly string[]>> = {
	disks: ['virtio_blk', 'virtio_scsi', 'sd_mod', 'ext4', 'crc32c_generic'],
	ahci: ['ahci'],
	nvme: ['nvme'],
	// aesni_intel fails to load where a processor has no AES.
	crypt: ['dm_crypt', 'xts', 'aesni_intel'],
};
