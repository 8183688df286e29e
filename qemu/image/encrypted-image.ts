import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { runTool } from '../guest/tools.ts';
import { moveWhole } from './kept-build.ts';
import { findFileSystem, rawOf, refused } from './largest-file-system.ts';
import { makeLuksContainer } from './luks-container.ts';

/** Bytes that a key's file may have: LUKS2 takes more, a payload has room for few. */
const keyBytes = { least: 32, most: 8192 } as const;

/** What an airlock must be told to start the system that is in an encrypted disk; see boot-settings.ts of the payload. */
export interface EncryptedImage {
	/** The container's UUID. */
	readonly disk: string;
	/** SHA-256 of /boot/vmlinuz and of /boot/initrd, in hexadecimal. */
	readonly kernel: string;
	readonly initrd: string;
	/** The kernel's command line. */
	readonly arguments: string;
}

export interface EncryptOptions {
	/** raw or qcow2, without a backing file. */
	readonly image: string;
	readonly keyFile: string;
	/** qcow2; it must not be there. */
	readonly to: string;
	readonly onProgress?: (step: string) => void;
}

/**
 * Makes a disk that holds nothing but a LUKS2 container with an image's largest file system in it: whoever stores it, or serves
 * it, sees no byte of the system. No root, no loop device, no device mapper.
 * @throws BimetalError ImageRefused, KeyUnfit, FileThere; PartMissing, GuestNotBuilt
 */
export async function encryptImage(options: EncryptOptions): Promise<EncryptedImage> {
	const { image, keyFile, to, onProgress = () => undefined } = options;
	const { size } = await stat(keyFile);
	if (size < keyBytes.least || size > keyBytes.most)
		throw new BimetalError(
			'KeyUnfit',
			`${keyFile} has ${size} bytes: a key has ${keyBytes.least} to ${keyBytes.most}, of chance: head -c 64 /dev/urandom`,
			{ expose: true },
		);
	await assertAbsent(to);
	// Beside the file that it becomes: there is room, and what lies there meanwhile is as safe as that.
	const work = await mkdtemp(path.join(path.dirname(to), '.encrypt-'));
	try {
		onProgress('Reading the image');
		const raw = await rawOf(image, work);
		const found = await findFileSystem(raw);
		const boot = await bootOf(`${raw}?offset=${found.at}`, work);
		onProgress('Encrypting it');
		const container = path.join(work, 'container');
		const from = { file: raw, ...found };
		const disk = await makeLuksContainer(container, { keyFile: path.resolve(keyFile), from, work });
		onProgress('Making the disk');
		await runTool(work, 'qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', container, 'disk.qcow2');
		await moveWhole(path.join(work, 'disk.qcow2'), to);
		return { disk, ...boot };
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** Nothing that is there is written over: it may be what another payload's digests are of. */
async function assertAbsent(file: string): Promise<void> {
	const isThere = await access(file).then(
		() => true,
		() => false,
	);
	if (isThere)
		throw new BimetalError('FileThere', `${file} is there already: give another name`, { expose: true });
}

/** What an airlock starts, of a file system that debugfs(8) opens. */
async function bootOf(system: string, work: string): Promise<Omit<EncryptedImage, 'disk'>> {
	const take = async (name: string): Promise<Buffer> => {
		const to = path.join(work, path.basename(name));
		const args = ['-R', `dump ${name} ${path.basename(to)}`, system];
		await promisify(execFile)(await findProgram('debugfs'), args, { cwd: work });
		const file = await open(to).catch(() => undefined);
		if (file === undefined)
			throw refused(
				`its root has no ${name}, so that no airlock could start it: build one with bimetal image build debian --attested`,
			);
		await file.close();
		return readFile(to);
	};
	const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
	const [kernel, initrd] = [digest(await take('/boot/vmlinuz')), digest(await take('/boot/initrd'))];
	const commandLine = (await take('/boot/arguments')).toString('utf8').trim();
	return { kernel, initrd, arguments: commandLine };
}
