/** What a BMC with Linux says on its console on its way up, in that order, and what that means. */
const stages: readonly { readonly seen: RegExp; readonly name: string }[] = [
	{ seen: /^U-Boot SPL /m, name: 'first boot loader (U-Boot SPL)' },
	{ seen: /^U-Boot 20/m, name: 'boot loader (U-Boot)' },
	{ seen: /Starting kernel|Booting Linux on physical CPU/, name: 'kernel' },
	{ seen: /Run \/\S*init as init process|Freeing unused kernel/, name: 'user space' },
	{ seen: /systemd\[1\]: systemd \S+ running/, name: 'systemd' },
	{ seen: /Reached target .*(?:Basic System|Multi-User)/, name: 'services' },
	{ seen: /(?:Started|Starting) .*bmcweb/, name: 'the Redfish service' },
	{ seen: /^\S+ login:/m, name: 'log-in prompt' },
];
/** What shows that it will get no further. */
const ends: readonly { readonly seen: RegExp; readonly name: string }[] = [
	{ seen: /Kernel panic - not syncing: (.*)/, name: 'the kernel has panicked' },
	{
		seen: /Wrong Image Format|ERROR: can't get kernel image|Bad Linux ARM zImage magic/,
		name: 'the boot loader finds no kernel',
	},
];
/** Longer than any line that is looked for. */
const kept = 4096;

/** Follows a console; tells of each stage once, and never goes back unless the board starts again. */
export function watchBootStages(onStage: (name: string) => void): (bytes: Buffer) => void {
	let text = '';
	let next = 0;
	const told = new Set<string>();
	return bytes => {
		text = (text + bytes.toString('latin1').replaceAll('\r', '')).slice(-kept);
		for (let i = stages.length - 1; i >= next; i--) {
			const stage = stages[i];
			if (!stage?.seen.test(text)) continue;
			next = i + 1;
			onStage(stage.name);
			break;
		}
		for (const { seen, name } of ends) {
			if (!told.has(name) && seen.test(text)) {
				told.add(name);
				onStage(name);
			}
		}
	};
}
