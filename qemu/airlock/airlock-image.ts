import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { cacheFolder, fetchPackages } from '../debian/fetch-packages.ts';
import { unpackPackages } from '../debian/unpack-packages.ts';
import { makeDiskImage } from '../guest/disk-image.ts';
import { type ProgramSigner, signProgram } from '../guest/signed-program.ts';
import { unifiedKernel } from '../guest/unified-kernel.ts';
import { moveWhole, nameOfBuild } from '../image/kept-build.ts';
import { tpmPackages } from '../image/tpm-programs.ts';
import { type AirlockServices, airlockRoot } from './airlock-root.ts';

const suite = 'trixie';
/** What opens a tenant's disk, here or over iSCSI, and starts what is in it. */
const diskPackages = ['cryptsetup-bin', 'dmsetup', 'kexec-tools', 'open-iscsi'];
const packages = [
	...['linux-image-amd64', 'busybox-static', 'openssl', 'e2fsprogs'],
	...diskPackages,
	...['syslinux', 'syslinux-common', 'systemd-boot-efi'],
];
const sources = ['.', '../guest', '../image', '../../attest/agent'].map(
	folder => new URL(`${folder}/`, import.meta.url),
);

/** Nobody but the agent runs there, so what keeps users apart would only take time. */
const commandLine =
	'console=ttyS0,115200n8 quiet panic=10 mitigations=off audit=0 lsm= cryptomgr.notests init_on_alloc=0';

export interface AirlockOptions extends AirlockServices {
	/** A folder to keep it in; see `cacheFolder`. */
	readonly cache?: string;
	/** The folder that it goes to, as `airlock.qcow2` and `airlock.efi`; beside the packages, to be taken again, when absent. */
	readonly to?: string | undefined;
	/** Debian's tpm2-tools instead of our script: larger, and slower, and known to everybody. */
	readonly hasTpmTools?: boolean | undefined;
	/** Whose word firmware with Secure Boot takes for it; it is not signed when absent. */
	readonly signer?: ProgramSigner | undefined;
	readonly onProgress?: (step: string) => void;
}

/** What was built; files at these paths never change. */
export interface BuiltAirlock {
	/** qcow2: a disk that is only read, for the provisioner to clone. It boots by UEFI and by BIOS. */
	readonly file: string;
	/** The same as one EFI program, for UEFI's own network boot. */
	readonly program: string;
	/** What it is, in words. */
	readonly recipe: string;
}

/**
 * Builds the system in which a node proves what it is and what it has booted, of Debian's packages, or takes the one that was
 * built from the same. Throws PartMissing, AptFailed, GuestNotBuilt; AirlockUnfit for services that an agent cannot ask.
 */
export async function buildAirlockImage(options: AirlockOptions): Promise<BuiltAirlock> {
	const { cache = cacheFolder(), onProgress = () => undefined } = options;
	const services: AirlockServices = {
		registrar: serviceUrl(options.registrar),
		verifier: serviceUrl(options.verifier),
		authorities: options.authorities,
	};
	const { signer, hasTpmTools = false } = options;
	const fetched = await fetchPackages({
		suite,
		architecture: 'amd64',
		packages: hasTpmTools ? [...new Set([...packages, ...tpmPackages])] : packages,
		cache,
		onProgress,
	});
	const debs = [...fetched].sort();
	const of = [
		services,
		commandLine,
		hasTpmTools,
		...(signer ? [await readFile(signer.certificate, 'utf8')] : []),
	];
	const name = options.to
		? path.join(options.to, 'airlock')
		: path.join(cache, `airlock-${await nameOfBuild(debs, JSON.stringify(of), sources)}`);
	const built: BuiltAirlock = {
		file: `${name}.qcow2`,
		program: `${name}.efi`,
		recipe: `airlock, debian ${suite}${hasTpmTools ? ', tpm2-tools' : ''}`,
	};
	// The disk is the last one to be put there.
	const isThere = await access(built.file).then(
		() => true,
		() => false,
	);
	if (isThere) return built;
	const work = await mkdtemp(path.join(cache, 'guest-new-'));
	try {
		onProgress('Unpacking packages');
		const root = path.join(work, 'packages');
		await unpackAll(debs, root);
		const read = (file: string): Promise<Buffer> => readFile(path.join(root, file));
		const [image = ''] = (await readdir(path.join(root, 'boot'))).filter(file => file.startsWith('vmlinuz-'));
		const kernel = await read(`boot/${image}`);
		onProgress('Making the initial root file system');
		const initrd = await airlockRoot(root, services, hasTpmTools ? 'tpm2-tools' : 'script');
		const stub = await read('usr/lib/systemd/boot/efi/linuxx64.efi.stub');
		const unsigned = unifiedKernel({ stub, kernel, initrd, commandLine });
		const efiProgram = signer ? await signProgram(work, unsigned, signer) : unsigned;
		await writeFile(path.join(work, 'airlock.efi'), efiProgram);
		onProgress('Making the disk');
		const masterBootRecord = await read('usr/lib/syslinux/mbr/mbr.bin');
		await makeDiskImage(work, 'airlock.qcow2', { kernel, initrd, commandLine, efiProgram, masterBootRecord });
		await moveWhole(path.join(work, 'airlock.efi'), built.program);
		await moveWhole(path.join(work, 'airlock.qcow2'), built.file);
		return built;
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** They stand in a shell's file, and the airlock has no name server. */
function serviceUrl(text: string): string {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	const isPlain = url?.protocol === 'https:' && url.href === `${url.origin}/`;
	if (url && isPlain && /^https:\/\/(?:[0-9.]+|\[[0-9a-f:]+\])(?::\d+)?$/.test(url.origin)) return url.origin;
	throw new BimetalError(
		'AirlockUnfit',
		`${text} is no place where an agent can ask: give https, an address and a port, such as https://10.9.0.1:5003`,
		{ expose: true },
	);
}

async function unpackAll(debs: readonly string[], root: string): Promise<void> {
	const of = (...names: readonly string[]): string[] =>
		debs.filter(deb => names.some(name => path.basename(deb).startsWith(name)));
	const parts = ['drivers', 'fs', 'lib', 'crypto', 'arch', 'net'];
	const modules = parts.map(part => `./usr/lib/modules/*/kernel/${part}/*`);
	await unpackPackages(of('linux-image-6', 'linux-image-7'), root, ['./boot/vmlinuz-*', ...modules]);
	const ours = ['busybox-static', 'e2fsprogs', ...tpmPackages, ...diskPackages].map(name => `${name}_`);
	const whole = [...ours, 'syslinux', 'systemd-boot-efi_'];
	await unpackPackages(of(...whole), root);
	// Of the others only what programs may need to run.
	await unpackPackages(of('lib', 'zlib1g_'), root, ['*.so', '*.so.*', './usr/lib64/*', './lib64/*']);
}
