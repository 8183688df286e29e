/** Log-in that is printed in OpenBMC's own documentation: everybody knows it, so it is there only to be changed. */
export const publicLogin = { username: 'root', password: '0penBmc' } as const;

/** A kind of OpenBMC flash image, and the board that it is for. */
export interface KnownImage {
	/** As in the image's file name: obmc-phosphor-image-NAME-….static.mtd, from OpenBMC's `. setup NAME`. */
	readonly name: string;
	/** QEMU's name of the board. */
	readonly machine: string;
	/** The Linux kernel's name of the device tree, which stands in the image. */
	readonly deviceTree: string;
	/** The serial port on which its kernel and its log-in prompt are. QEMU's first serial port is that one. */
	readonly console: string;
}

/** What OpenBMC builds for the Aspeed boards that QEMU has. Other images run as well, with the machine said. */
export const knownImages: readonly KnownImage[] = [
	row('romulus', 'romulus-bmc', 'aspeed-bmc-opp-romulus'),
	row('palmetto', 'palmetto-bmc', 'aspeed-bmc-opp-palmetto'),
	row('witherspoon', 'witherspoon-bmc', 'aspeed-bmc-opp-witherspoon'),
	row('tacoma', 'tacoma-bmc', 'aspeed-bmc-opp-tacoma'),
	row('evb-ast2500', 'ast2500-evb', 'aspeed-ast2500-evb'),
	row('evb-ast2600', 'ast2600-evb', 'aspeed-ast2600-evb'),
	row('p10bmc', 'rainier-bmc', 'aspeed-bmc-ibm-rainier'),
	row('bletchley', 'bletchley-bmc', 'aspeed-bmc-facebook-bletchley'),
	row('fuji', 'fuji-bmc', 'aspeed-bmc-facebook-fuji', 'ttyS0'),
	row('g220a', 'g220a-bmc', 'aspeed-bmc-bytedance-g220a'),
	row('fp5280g2', 'fp5280g2-bmc', 'aspeed-bmc-inspur-fp5280g2'),
	row('quanta-q71l', 'quanta-q71l-bmc', 'aspeed-bmc-quanta-q71l'),
	row('qcom-dc-scm-v1', 'qcom-dc-scm-v1-bmc', 'aspeed-bmc-qcom-dc-scm-v1'),
];

function row(name: string, machine: string, deviceTree: string, console = 'ttyS4'): KnownImage {
	return { name, machine, deviceTree, console };
}

/** By the file's name: `obmc-phosphor-image-romulus-20260101.static.mtd`. */
export function knownByFileName(fileName: string): KnownImage | undefined {
	const name = fileName.toLowerCase();
	return knownImages.find(image => new RegExp(`(?:^|[-_.])${image.name}(?=[-_.]|$)`).test(name));
}

/** By the device trees whose names stand in the image: undefined where none is known, or several boards' are there. */
export function knownByDeviceTrees(found: ReadonlySet<string>): KnownImage | undefined {
	const [image, ...others] = knownImages.filter(({ deviceTree }) => found.has(deviceTree));
	return others.length === 0 ? image : undefined;
}
