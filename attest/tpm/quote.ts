import { hash as digestOf } from 'node:crypto';
import { readAll } from '../bytes/byte-reader.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES, type HashName } from './algorithms.ts';
import { checkAttestationKey } from './key-attributes.ts';
import { isSameSelection, type PcrBank, readPcrSelection, selectionText } from './pcr-selection.ts';
import { hex, type PublicArea } from './public-area.ts';
import { verifySignature } from './signature.ts';

/** TPM_GENERATED_VALUE: stands first in what a TPM makes, and a restricted key signs nothing else that begins so. */
const MAGIC = 0xff544347;
const QUOTE = 0x8018;

/** PCR values by bank and number. */
export type PcrValues = Partial<Record<HashName, ReadonlyMap<number, Buffer>>>;

export interface QuoteRequest {
	/** What was asked to stand in the quote: a nonce, or a hash that binds one to something else. */
	readonly qualifyingData: Buffer;
	/** The PCRs asked for: in the order of the request, each bank's ascending. */
	readonly selection: readonly PcrBank[];
}

export interface QuoteEvidence {
	/** TPMS_ATTEST, as the TPM signed it. */
	readonly message: Buffer;
	/** TPMT_SIGNATURE. */
	readonly signature: Buffer;
	/** Of the PCRs quoted; what else is there is not looked at. Or only of those, one after another in the order of the request. */
	readonly pcrs: PcrValues | Buffer;
}

/** TPMS_CLOCK_INFO: compared from one quote to the next. */
export interface TpmClock {
	/** Milliseconds that the TPM was powered. */
	readonly clock: bigint;
	/** How often it was reset: another number means another boot. */
	readonly resetCount: number;
	readonly restartCount: number;
	/** False after a power loss, until `clock` is beyond every value it can have reported. */
	readonly safe: boolean;
}

export interface Quote {
	/** The AK's qualified name. */
	readonly signer: Buffer;
	readonly clock: TpmClock;
	readonly firmwareVersion: bigint;
	/** The PCR values that the TPM vouches for: exactly those asked for. */
	readonly pcrs: PcrValues;
}

/** Whether this TPM's key signed these values of exactly these PCRs for this request. The order is docs/attestation-policies.md's. */
export function verifyQuote(ak: PublicArea, request: QuoteRequest, evidence: QuoteEvidence): Outcome<Quote> {
	if (!request.selection.some(bank => bank.pcrs.length > 0))
		return refuse('PolicyEmpty', 'no PCR was asked for');
	const fit = checkAttestationKey(ak);
	if (!fit.ok) return fit;
	const signed = verifySignature(ak, evidence.message, evidence.signature);
	if (!signed.ok) return signed;
	const parsed = parseAttest(evidence.message);
	if (!parsed.ok) return parsed;
	const attest = parsed.value;
	if (!attest.extraData.equals(request.qualifyingData))
		return refuse('NonceWrong', 'the quote was not made for this request: it carries other data');
	if (!isSameSelection(request.selection, attest.selection))
		return refuse(
			'SelectionWrong',
			`${selectionText(request.selection)} was asked for, ${selectionText(attest.selection)} is quoted`,
		);
	const shown = selectPcrs(attest.selection, evidence.pcrs);
	if (!shown.ok) return shown;
	// A scheme there is: checkAttestationKey has seen it.
	const hash = ak.scheme?.hash ?? 'sha256';
	// Text comes out of node:crypto in half the time that bytes take.
	if (digestOf(hash, shown.value.bytes, 'hex') !== attest.pcrDigest.toString('hex'))
		return refuse(
			'DigestWrong',
			`the values shown of ${selectionText(attest.selection)} are not those that the TPM signed`,
		);
	const { signer, clock, firmwareVersion } = attest;
	return accept({ signer, clock, firmwareVersion, pcrs: shown.value.pcrs });
}

function parseAttest(message: Uint8Array) {
	return readAll(message, 'the quote', reader => {
		const magic = reader.u32();
		if (magic !== MAGIC) reader.fail('was not made by a TPM: it has another magic number', 'NotQuote');
		const type = reader.u16();
		if (type !== QUOTE) reader.fail(`is an attestation of type ${hex(type)}, not of PCRs`, 'NotQuote');
		const signer = reader.sized16();
		const extraData = reader.sized16();
		const clock = reader.u64();
		const [resetCount, restartCount, safe] = [reader.u32(), reader.u32(), reader.u8()];
		if (safe > 1) reader.fail('says neither yes nor no of its clock');
		const firmwareVersion = reader.u64();
		const selection = readPcrSelection(reader);
		const pcrDigest = reader.sized16();
		const info: TpmClock = { clock, resetCount, restartCount, safe: safe === 1 };
		return { signer, extraData, clock: info, firmwareVersion, selection, pcrDigest };
	});
}

interface ShownPcrs {
	/** As the TPM hashed them. */
	readonly bytes: Buffer;
	readonly pcrs: PcrValues;
}

/** The values in the order in which the TPM hashed them; each must be there. */
function selectPcrs(selection: readonly PcrBank[], values: PcrValues | Buffer): Outcome<ShownPcrs> {
	if (Buffer.isBuffer(values)) return splitPcrs(selection, values);
	const parts: Buffer[] = [];
	for (const { hash, pcrs } of selection)
		for (const pcr of pcrs) {
			const value = values[hash]?.get(pcr);
			if (value?.length !== HASH_SIZES[hash])
				return refuse('DigestWrong', `there is no value of PCR ${pcr} in bank ${hash}`);
			parts.push(value);
		}
	return splitPcrs(selection, Buffer.concat(parts));
}

function splitPcrs(selection: readonly PcrBank[], bytes: Buffer): Outcome<ShownPcrs> {
	const all: Partial<Record<HashName, Map<number, Buffer>>> = {};
	let at = 0;
	for (const { hash, pcrs } of selection) {
		const size = HASH_SIZES[hash];
		const bank = new Map<number, Buffer>();
		for (const pcr of pcrs) {
			bank.set(pcr, bytes.subarray(at, at + size));
			at += size;
		}
		all[hash] = bank;
	}
	return at === bytes.length
		? accept({ bytes, pcrs: all })
		: refuse('DigestWrong', `there are ${bytes.length} bytes of PCR values; ${at} are due`);
}
