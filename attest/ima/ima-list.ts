import { type ByteReader, readAll } from '../bytes/byte-reader.ts';
import { type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES, type HashName } from '../tpm/algorithms.ts';

const TEMPLATES = { 'ima-ng': 2, 'ima-sig': 3, 'ima-buf': 3 } as const;
type Template = keyof typeof TEMPLATES;

/** One measurement of Linux's IMA (Documentation/security/IMA-templates.rst). */
export interface ImaEntry {
	/** Its place in the kernel's list; 0 is the boot aggregate. */
	readonly index: number;
	readonly pcr: number;
	readonly template: Template;
	/** The kernel could not be sure of what it measured: the file was open for writing meanwhile. */
	readonly isViolation: boolean;
	/** Of the file or buffer, by the algorithm named. */
	readonly hash: HashName;
	readonly digest: Buffer;
	/** A path, with `_` for spaces; a keyring's name or another label in `ima-buf`. */
	readonly name: string;
	/** `ima-sig`: the file's signature as its xattr has it, or empty. `ima-buf`: the bytes measured. */
	readonly extra: Buffer;
	/** What the PCRs are extended with a hash of. */
	readonly data: Buffer;
}

const [LINE_COUNT, SHA1_SIZE, DATA_SIZE] = [2_000_000, 20, 16 * 1024 * 1024];

/**
 * `ascii_runtime_measurements`: PCR, template hash, template, its fields.
 * @param first the place of the first line in the kernel's list, where earlier ones are not sent again
 */
export function parseAsciiImaList(text: string, first = 0): Outcome<ImaEntry[]> {
	const lines = text.split('\n');
	if (lines.pop() !== '') return refuse('Malformed', 'the IMA list does not end with a whole line');
	if (lines.length > LINE_COUNT) return refuse('Malformed', `the IMA list has ${lines.length} lines`);
	const entries: ImaEntry[] = [];
	for (const [index, line] of lines.entries()) {
		const entry = readAll(Buffer.alloc(0), `line ${index + 1} of the IMA list`, reader =>
			readLine(reader, line, first + index),
		);
		if (!entry.ok) return entry;
		entries.push(entry.value);
	}
	return { ok: true, value: entries };
}

function readLine(reader: ByteReader, line: string, index: number): ImaEntry {
	const [pcr = '', templateHash = '', template = '', ...fields] = line.split(' ');
	if (!/^\d{1,2}$/.test(pcr)) reader.fail('does not begin with a PCR');
	if (!/^[0-9a-f]{40}$/.test(templateHash)) reader.fail('has no template hash');
	const count = fieldCount(reader, template);
	const [digest = '', name = '', extra = ''] = fields;
	// A file without a signature has an empty last field, and so its line a space or none at its end.
	if (fields.length !== count && !(template === 'ima-sig' && fields.length === 2))
		reader.fail(`has ${fields.length} fields for ${template}`);
	const match = /^(\w+):([0-9a-f]+)$/.exec(digest);
	const hash = hashOf(reader, match?.[1] ?? '');
	if (name === '' || name.includes('\0')) reader.fail('has no name');
	if (!/^([0-9a-f]{2})*$/.test(extra)) reader.fail('has a last field that is not hexadecimal');
	const bytes = Buffer.from(match?.[2] ?? '', 'hex');
	if (bytes.length !== HASH_SIZES[hash]) reader.fail(`has a digest that is none of ${hash}`);
	const parts = [
		Buffer.concat([Buffer.from(`${hash}:\0`), bytes]),
		Buffer.from(`${name}\0`),
		...(count === 3 ? [Buffer.from(extra, 'hex')] : []),
	];
	return {
		index,
		pcr: Number(pcr),
		template: template as Template,
		isViolation: /^0+$/.test(templateHash),
		hash,
		digest: bytes,
		name,
		extra: Buffer.from(extra, 'hex'),
		data: Buffer.concat(parts.flatMap(part => [u32(part.length), part])),
	};
}

/** `binary_runtime_measurements` of a little-endian machine. @param first as in `parseAsciiImaList` */
export function parseBinaryImaList(bytes: Uint8Array, first = 0): Outcome<ImaEntry[]> {
	return readAll(
		bytes,
		'the IMA list',
		reader => {
			const entries: ImaEntry[] = [];
			while (reader.left > 0) {
				const index = first + reader.count(entries.length, LINE_COUNT, 'entries');
				const pcr = reader.u32();
				const isViolation = reader.take(SHA1_SIZE).every(byte => byte === 0);
				const template = reader.take(reader.count(reader.u32(), 64, 'bytes of a template’s name'));
				const data = reader.take(reader.count(reader.u32(), DATA_SIZE, 'bytes of one entry'));
				const fields = readAll(data, `entry ${index} of the IMA list`, inner =>
					readFields(inner, template.toString('latin1')),
				);
				if (!fields.ok) return reader.fail(`is wrong: ${fields.refusal.reason}`, fields.refusal.code);
				entries.push({ index, pcr, isViolation, data, ...fields.value });
			}
			return entries;
		},
		'little',
	);
}

function readFields(reader: ByteReader, template: string) {
	const count = fieldCount(reader, template);
	const field = () => reader.take(reader.take(4).readUInt32LE());
	const digest = field();
	const colon = digest.indexOf(':\0');
	const hash = hashOf(reader, digest.toString('latin1', 0, Math.max(colon, 0)));
	const bytes = digest.subarray(colon + 2);
	if (bytes.length !== HASH_SIZES[hash]) reader.fail(`has a digest that is none of ${hash}`);
	const name = field();
	if (name.length < 2 || name.indexOf(0) !== name.length - 1)
		reader.fail('has a name that does not end once');
	const extra = count === 3 ? field() : Buffer.alloc(0);
	return {
		template: template as Template,
		hash,
		digest: bytes,
		name: name.toString('utf8', 0, name.length - 1),
		extra,
	};
}

function fieldCount(reader: ByteReader, template: string): number {
	if (!Object.hasOwn(TEMPLATES, template)) reader.fail(`is of template ${template}`, 'Unsupported');
	return TEMPLATES[template as Template];
}

function hashOf(reader: ByteReader, name: string): HashName {
	if (!Object.hasOwn(HASH_SIZES, name)) reader.fail('has a digest of no algorithm known', 'Unsupported');
	return name as HashName;
}

function u32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value);
	return bytes;
}
