import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { figuresOf, sentFigures } from './boot-figures.ts';
import type { BootLab } from './boot-lab.ts';
import { runProgram } from './initiator.ts';
import { localDisk, macOf, nameOf, type PoweredOn, type Stages } from './machines.ts';

/** Marks what every boot goes through from its boot device on; throws when the system says something else of itself. */
export async function untilRoot(machine: PoweredOn, node: number, root: 'iscsi' | 'disk'): Promise<void> {
	await machine.until('disk', /SYSLINUX/);
	await machine.until('kernel', /bimetal image: kernel/);
	const [line] = await machine.until('root', /bimetal image: boot [^\r\n]*[\r\n]/);
	assert.equal(line.trim(), `bimetal image: boot 1 of ${nameOf(node)} root=${root} firmware=bios`);
}

/** Provisions a node of a clone of its own; what `end` gives back is gone as if it had never been. */
export async function bootFromNetwork({ site, machines, onPower, onEvent }: BootLab, node: number) {
	const name = nameOf(node);
	let machine: PoweredOn | undefined;
	const up = new Promise<Stages>((resolve, reject) => {
		onPower.set(name, async () => {
			const on = await machines.powerOn(node, { boot: 'network' });
			machine = on;
			const marked = new Set<string>();
			const stop = onEvent(({ mac, kind }) => {
				const stage = { dhcp: 'DHCP', script: 'script' }[kind];
				if (mac !== macOf(node) || stage === undefined || marked.has(stage)) return;
				marked.add(stage);
				on.mark(stage);
			});
			const watch = async () => {
				await on.until('POST', /Booting from/);
				await on.until('iPXE', /net0: [\s\S]*?using/);
				await untilRoot(on, node, 'iscsi');
			};
			watch()
				.then(() => resolve(on.stages()), reject)
				.finally(stop);
		});
	});
	up.catch(() => undefined);
	const { id } = await site.call('POST', `/nodes/${name}/provision`, { project: 'red', image: 'full' });
	return {
		up,
		/** It is seen to be logged in. */
		provisioned: () => site.ended(String(id)),
		async end() {
			onPower.delete(name);
			await machine?.off();
			const { id: ending } = await site.call('POST', `/nodes/${name}/deprovision`, {});
			await site.ended(String(ending));
			const { id: removing } = await site.call('DELETE', `/disks/red%2F${name}`);
			await site.ended(String(removing));
		},
	};
}

/** One boot over iSCSI. */
export async function networkRound(lab: BootLab): Promise<Record<string, number>> {
	const before = await lab.sent();
	const node = await bootFromNetwork(lab, 0);
	try {
		const took = await node.up;
		const read = (await lab.sent()) - before;
		await node.provisioned();
		return { ...figuresOf(took), ...sentFigures(read) };
	} finally {
		await node.end();
	}
}

/** One boot from a disk of the server's own, which has the image already. */
export async function localRound({ folder, machines, images }: BootLab): Promise<Record<string, number>> {
	const disk = path.join(folder, 'local.qcow2');
	await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', images.full, '-F', 'raw', disk]);
	const machine = await machines.powerOn(0, { boot: 'disk', args: localDisk(disk, 'qcow2') });
	try {
		await machine.until('POST', /Booting from/);
		await untilRoot(machine, 0, 'disk');
		return { ...figuresOf(machine.stages()), ...sentFigures(0) };
	} finally {
		await machine.off();
		await rm(disk);
	}
}
