import { ByteReader, readAll } from '../bytes/byte-reader.ts';
import type { Outcome } from '../outcome.ts';

/** What of a certificate node:crypto does not tell (RFC 5280, section 4). */
export interface CertificateExtensions {
	readonly isAuthority: boolean;
	/** How many authorities may stand below this one. */
	readonly pathLength: number | undefined;
	/** KeyUsage as bits, the first of them 0x80; undefined where the extension is absent. */
	readonly keyUsage: number | undefined;
	readonly isForEndorsement: boolean;
}

const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, sequence: 0x30 } as const;
const [VERSION, EXTENSIONS] = [0xa0, 0xa3];

/** Object identifiers as the bytes of their DER. */
const OID = {
	basicConstraints: '551d13',
	keyUsage: '551d0f',
	extendedKeyUsage: '551d25',
	subjectAltName: '551d11',
	/** tcg-kp-EKCertificate, 2.23.133.8.1 */
	endorsement: '6781050801',
} as const;

/** In endorsement keys’ certificates the alternative name is critical: it says whose TPM it is, and no check needs it. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
	OID.basicConstraints,
	OID.keyUsage,
	OID.extendedKeyUsage,
	OID.subjectAltName,
]);

/** RSA PKCS#1 and ECDSA with SHA-256, 384, 512. SHA-1 is none of them: whoever makes collisions makes certificates. */
const SIGNATURES: ReadonlySet<string> = new Set([
	'2a864886f70d01010b',
	'2a864886f70d01010c',
	'2a864886f70d01010d',
	'2a8648ce3d040302',
	'2a8648ce3d040303',
	'2a8648ce3d040304',
]);

export function readCertificateExtensions(der: Uint8Array, what: string): Outcome<CertificateExtensions> {
	return readAll(der, what, reader => {
		const { algorithm, extensions } = readTbs(
			inside(inside(reader, TAG.sequence, what), TAG.sequence, what),
			what,
		);
		if (!SIGNATURES.has(algorithm))
			reader.fail(`is signed by ${oidText(algorithm)}, which is not let pass here`, 'Unsupported');
		const unknown = extensions.find(one => one.isCritical && !UNDERSTOOD.has(one.id));
		if (unknown) reader.fail(`has the critical extension ${oidText(unknown.id)}`, 'CertificateUnfit');
		const ids = extensions.map(one => one.id);
		if (new Set(ids).size < ids.length) reader.fail('has an extension twice');
		return interpret(extensions, what);
	});
}

interface Extension {
	readonly id: string;
	readonly isCritical: boolean;
	readonly value: Buffer;
}

function readTbs(tbs: ByteReader, what: string): { algorithm: string; extensions: Extension[] } {
	let element = readElement(tbs);
	if (element.tag === VERSION) element = readElement(tbs);
	if (element.tag !== TAG.integer) tbs.fail('has no serial number');
	const algorithm = inside(inside(tbs, TAG.sequence, what), TAG.oid, what);
	const id = algorithm.take(algorithm.left).toString('hex');
	const extensions: Extension[] = [];
	while (tbs.left > 0) {
		const field = readElement(tbs);
		if (field.tag !== EXTENSIONS) continue;
		tbs.end();
		const list = inside(new ByteReader(field.value, what), TAG.sequence, what);
		while (list.left > 0) extensions.push(readExtension(inside(list, TAG.sequence, what)));
	}
	return { algorithm: id, extensions };
}

function readExtension(reader: ByteReader): Extension {
	const id = readElement(reader);
	let value = readElement(reader);
	let isCritical = false;
	if (value.tag === TAG.boolean) {
		isCritical = value.value[0] !== 0;
		value = readElement(reader);
	}
	if (id.tag !== TAG.oid || value.tag !== TAG.octets) reader.fail('has an extension of no known form');
	reader.end();
	return { id: id.value.toString('hex'), isCritical, value: value.value };
}

function interpret(extensions: readonly Extension[], what: string): CertificateExtensions {
	const reader = (id: string): ByteReader | undefined => {
		const found = extensions.find(one => one.id === id);
		return found && new ByteReader(found.value, what);
	};
	let isAuthority = false;
	let pathLength: number | undefined;
	const constraints = reader(OID.basicConstraints);
	const basic = constraints && inside(constraints, TAG.sequence, what);
	while (basic && basic.left > 0) {
		const { tag, value } = readElement(basic);
		if (tag === TAG.boolean) isAuthority = value[0] !== 0;
		else if (tag === TAG.integer && value.length === 1) pathLength = value[0];
		else basic.fail('has basic constraints of no known form');
	}
	const purposes = reader(OID.extendedKeyUsage);
	const list = purposes && inside(purposes, TAG.sequence, what);
	let isForEndorsement = false;
	while (list && list.left > 0)
		if (readElement(list).value.toString('hex') === OID.endorsement) isForEndorsement = true;
	const usage = reader(OID.keyUsage);
	const bits = usage && inside(usage, TAG.bits, what);
	// The first byte says how many bits of the last one are unused; all usages read here are in the second.
	const [, keyUsage] = bits ? [...bits.take(Math.min(bits.left, 2)), 0] : [];
	return { isAuthority, pathLength, keyUsage, isForEndorsement };
}

function inside(reader: ByteReader, tag: number, what: string): ByteReader {
	const element = readElement(reader);
	if (element.tag !== tag) reader.fail('is no certificate: an element is of another kind');
	return new ByteReader(element.value, what);
}

/** DER: tag, length, value. Tags of one byte only, as certificates have them. */
function readElement(reader: ByteReader): { tag: number; value: Buffer } {
	const tag = reader.u8();
	if ((tag & 0x1f) === 0x1f) reader.fail('has a tag of several bytes');
	let length = reader.u8();
	if (length === 0x80 || length > 0x83) reader.fail('has a length that DER does not have');
	if (length > 0x80) {
		const bytes = reader.take(length & 0x7f);
		length = bytes.readUIntBE(0, bytes.length);
	}
	return { tag, value: reader.take(length) };
}

/** Dotted, for people. */
function oidText(hex: string): string {
	const numbers: number[] = [];
	let value = 0;
	for (const byte of Buffer.from(hex, 'hex')) {
		value = value * 128 + (byte & 0x7f);
		if (byte & 0x80) continue;
		const first = Math.min(2, Math.floor(value / 40));
		if (numbers.length === 0) numbers.push(first, value - 40 * first);
		else numbers.push(value);
		value = 0;
	}
	return numbers.join('.');
}
