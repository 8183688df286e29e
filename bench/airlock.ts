// From power-on until a node is admitted, against the same boot of the same system that proves nothing. Firmware starts the airlock
// at once, as LinuxBoot does: nothing is loaded from a network before.
import { readFile } from 'node:fs/promises';
import { readEvidence } from '../attest/evidence/evidence-file.ts';
import { buildAirlockImage } from '../qemu/airlock/airlock-image.ts';
import { cpioArchive } from '../qemu/guest/cpio-archive.ts';
import { makeDiskImage } from '../qemu/guest/disk-image.ts';
import { readEfiProgram } from '../qemu/guest/efi-program.ts';
import { measureProgram } from '../qemu/guest/measured-program.ts';
import { unifiedKernel } from '../qemu/guest/unified-kernel.ts';
import { buildDebianImage } from '../qemu/image/debian-image.ts';
import { debianParts } from '../test/debian/parts.ts';
import {
	type AirlockSite,
	airlockParts,
	type BootedAirlock,
	startAirlockSite,
	uefiVariables,
} from '../test/system/airlock-node.ts';
import type { BenchArea, BenchCase, Side } from './harness/bench-case.ts';
import { childTime } from './provisioner/processor-time.ts';

const node = { node: 'node1', project: 'red' };
/** What stands in the place of the agent, and of what clears the TPM. */
const idle = `#!/bin/sh\necho 'bench: ready'\nwhile :; do sleep 60; done\n`;
const nothing = '#!/bin/sh\n';

export const area: BenchArea = {
	async open() {
		const ends: (() => unknown)[] = [];
		const close = async () => {
			for (const end of ends.splice(0).reverse()) await end();
		};
		const lacks = debianParts().filter(
			({ name, here }) => [...airlockParts, 'ovmf', 'e2fsprogs'].includes(name) && !here,
		);
		if (lacks.length > 0) {
			console.error(`bench: no airlock: apt-get install ${lacks.map(({ name }) => name).join(' ')}`);
			return { cases: [], close };
		}
		// The clocks of services keep no process alive.
		const alive = setInterval(() => undefined, 1000);
		ends.push(() => clearInterval(alive));
		try {
			const site = await startAirlockSite({ teardown: end => void ends.push(end) });
			return { cases: [await powerOnToAdmitted(site)], close };
		} catch (fault) {
			await close();
			throw fault;
		}
	},
};

async function powerOnToAdmitted(site: AirlockSite): Promise<BenchCase> {
	const { verifier } = site;
	await site.enrol();
	const { file, program } = await buildAirlockImage({ ...site.services, to: site.at('.') });
	const built = await readFile(program);
	const unattested = await unattestedDisk(site, built);
	const debian = await buildDebianImage();
	const boot = async (disk: string, seen: RegExp): Promise<Readonly<Record<string, number>>> => {
		const began = performance.now();
		const booted: BootedAirlock = await site.boot({ disk, variables: uefiVariables.plain });
		try {
			await booted.says(seen);
			return { '': (performance.now() - began) / 1000, 'processor time': childTime(booted.qemu.pid) };
		} finally {
			await booted.qemu.stop();
		}
	};

	const reference = await verifier.admit({ ...node, learn: true });
	await boot(file, /airlock: learnt/);
	const [shown] = readEvidence(await verifier.evidence(reference.id)).records;
	const values = Buffer.from(shown?.pcrs ?? '', 'base64');
	const firmware = [0, 1, 2, 3, 5, 6, 7].map(pcr => [pcr, values.toString('hex', pcr * 32, pcr * 32 + 32)]);
	const pcrs = { ...Object.fromEntries(firmware), ...measureProgram(built).pcrs };
	await verifier.setPolicy(node.project, 'built', { version: 1, pcrs });

	const attested = async () => {
		const { id } = await verifier.admit({ ...node, policy: 'built' });
		const figures = await boot(file, /airlock: attested\r?\n/);
		const { state } = await verifier.admission(id);
		if (state !== 'attested') throw new Error(`the node is ${state}`);
		await verifier.end(id);
		return figures;
	};
	const side = (name: string, round: () => Promise<Readonly<Record<string, number>>>): Side => ({
		...{ name, round },
		check: async () => void (await round()),
	});
	return {
		name: 'power-on to admitted',
		most: { rounds: 3, warmUp: 0 },
		figures: [
			{ name: '', unit: 's', better: 'lower' },
			{ name: 'processor time', unit: 's', better: 'lower' },
		],
		ours: side('attested', attested),
		peers: [
			side('the same, unattested', () => boot(unattested, /bench: ready/)),
			side('a small Debian, unattested', () => boot(debian.file, /boot \d+ of \S+ root=/)),
		],
	};
}

/** A disk with the airlock's program, whose system gets an address and then proves nothing. */
async function unattestedDisk({ at }: AirlockSite, program: Buffer): Promise<string> {
	const { sections } = readEfiProgram(program);
	const part = (name: string): Buffer => sections.get(name) ?? Buffer.alloc(0);
	// What comes later stands in place of what came before; an archive begins at a multiple of four bytes.
	const initrd = Buffer.concat([
		part('.initrd'),
		Buffer.alloc(-part('.initrd').length & 3),
		cpioArchive({
			'etc/airlock/agent': { kind: 'file', content: idle, isProgram: true },
			'etc/airlock/erase': { kind: 'file', content: nothing, isProgram: true },
		}),
	]);
	const parts = { kernel: part('.linux'), initrd, commandLine: part('.cmdline').toString() };
	await makeDiskImage(at('.'), 'unattested.qcow2', {
		efiProgram: unifiedKernel({ ...parts, stub: stubOf(program) }),
		...{ ...parts, masterBootRecord: Buffer.alloc(0) },
	});
	return at('unattested.qcow2');
}

/** What `unifiedKernel` has added its three sections to. */
function stubOf(program: Buffer): Buffer {
	const coff = program.readUInt32LE(0x3c) + 4;
	const count = program.readUInt16LE(coff + 2) - 3;
	const first = coff + 20 + program.readUInt16LE(coff + 16) + count * 40;
	if (program.toString('latin1', first, first + 8) !== '.cmdline')
		throw new Error('this is no unified kernel');
	const stub = Buffer.from(program.subarray(0, program.readUInt32LE(first + 20)));
	stub.writeUInt16LE(count, coff + 2);
	stub.writeUInt32LE(program.readUInt32LE(first + 12), coff + 20 + 56);
	return stub;
}
