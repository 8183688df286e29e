import { provisionerErrors } from '../../errors.ts';

/** The largest disk that is taken, in bytes: 16 TiB. */
const largestDisk = 16 * 2 ** 40;
/** What QEMU takes of tables, in bytes (block/qcow2.h: QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE). */
const largestTable = { map: 32 * 2 ** 20, references: 8 * 2 ** 20 } as const;
/** Bits of incompatible_features. */
const damaged = 1n << 1n;
const externalData = 1n << 2n;
const wideEntries = 1n << 4n;
/** The others that are known: dirty, compression type. */
const harmless = (1n << 0n) | (1n << 3n);
/** Types of header extensions. */
const extension = { end: 0, dataFile: 0x44_41_54_41, encryption: 0x05_37_be_77 } as const;

/** Bytes at a file's beginning that are looked at: its first cluster is no larger. */
export const headerLength = 2 * 2 ** 20;

/**
 * The size in bytes, whole sectors, that a machine would see of a qcow2 file of which we know the first bytes and the length; nothing of it is
 * believed that would have a program open another file, or set aside memory (QEMU docs/interop/qcow2.txt).
 * @throws ImageRefused, with what is wrong with it
 */
export function readQcow2Header(bytes: Buffer, fileSize: number): number {
	const refuse = (why: string): never => {
		throw provisionerErrors.ImageRefused(why);
	};
	const damage = (): never => refuse('It is damaged, or was cut off.');
	if (bytes.length < 72 || bytes.readUInt32BE(0) !== 0x51_46_49_fb) refuse('It is no qcow2 image.');
	const version = bytes.readUInt32BE(4);
	if (version !== 2 && version !== 3) refuse(`It is qcow2 of version ${version}; 2 and 3 are taken.`);
	if (bytes.readBigUInt64BE(8) !== 0n || bytes.readUInt32BE(16) !== 0)
		refuse('It is made upon another file: convert it to one that stands alone.');
	if (bytes.readUInt32BE(32) !== 0) refuse('It is encrypted: convert it to one that is not.');
	const clusterBits = bytes.readUInt32BE(20);
	if (clusterBits < 9 || clusterBits > 21) damage();
	const cluster = 2 ** clusterBits;

	let features = 0n;
	let extensions = 72;
	if (version === 3) {
		if (bytes.length < 104) damage();
		features = bytes.readBigUInt64BE(72);
		if (bytes.readUInt32BE(96) > 6) damage();
		extensions = bytes.readUInt32BE(100);
		if (extensions < 104 || extensions > cluster || extensions % 8 !== 0) damage();
	}
	if (features & externalData) refuse('Its data are in another file: convert it to one that stands alone.');
	if (features & damaged) damage();
	if (features & ~(harmless | damaged | externalData | wideEntries))
		refuse('It has features that are not known here: convert it to qcow2 as of QEMU 7.');
	for (const type of extensionsOf(bytes.subarray(0, cluster), extensions) ?? damage()) {
		if (type === extension.dataFile)
			refuse('Its data are in another file: convert it to one that stands alone.');
		if (type === extension.encryption) refuse('It is encrypted: convert it to one that is not.');
	}

	const size = bytes.readBigUInt64BE(24);
	if (size === 0n) refuse('It is empty.');
	if (size > largestDisk) refuse(`It is of ${size} bytes; ${largestDisk} are the most.`);
	if (bytes.readUInt32BE(60) !== 0) refuse('It has snapshots within: delete them, or convert it.');
	/** Whether a table is whole within the file, on a cluster of its own. */
	const isWithin = (offset: bigint, length: number): boolean =>
		offset > 0n && offset % BigInt(cluster) === 0n && offset + BigInt(length) <= BigInt(fileSize);
	const entries = bytes.readUInt32BE(36);
	const covered = cluster * (cluster / (features & wideEntries ? 16 : 8));
	if (entries * 8 > largestTable.map || entries < Number(size) / covered) damage();
	if (!isWithin(bytes.readBigUInt64BE(40), entries * 8)) damage();
	const references = bytes.readUInt32BE(56) * cluster;
	if (references === 0 || references > largestTable.references) damage();
	if (!isWithin(bytes.readBigUInt64BE(48), references)) damage();
	return Math.ceil(Number(size) / 512) * 512;
}

/** The types of the header extensions that begin at `offset`; undefined: they do not end. */
function extensionsOf(cluster: Buffer, offset: number): number[] | undefined {
	const types: number[] = [];
	for (let at = offset; ; ) {
		// A cluster that is full of them needs no mark of its end.
		if (at === cluster.length) return types;
		if (at + 8 > cluster.length) return undefined;
		const type = cluster.readUInt32BE(at);
		if (type === extension.end) return types;
		types.push(type);
		at += 8 + Math.ceil(cluster.readUInt32BE(at + 4) / 8) * 8;
	}
}
