import { type ByteReader, readAll } from '../bytes/byte-reader.ts';
import type { Outcome } from '../outcome.ts';
import { HASHES, type HashName } from '../tpm/algorithms.ts';
import { hex } from '../tpm/public-area.ts';
import { EVENT_TYPES } from './event-types.ts';

/** What firmware and boot loader have measured, in that order. */
export interface EventLog {
	/** The banks that every event has a digest for. */
	readonly banks: readonly HashName[];
	/** The locality that the TPM was started from: PCR 0 starts with it (section 10.4.5.3); 0 where nothing is said. */
	readonly startupLocality: number;
	/** Without those of type EV_NO_ACTION, which measure nothing. */
	readonly events: readonly BootEvent[];
}

/** An event's digests are authenticated by the PCRs, once replayed; type and data are not. */
export interface BootEvent {
	/** Its place in the log; the header is 0. */
	readonly index: number;
	readonly pcr: number;
	readonly type: string;
	readonly digests: Readonly<Partial<Record<HashName, Buffer>>>;
	readonly data: Buffer;
}

const [NO_ACTION, EVENT_COUNT, PCR_COUNT] = [0x03, 100_000, 24];
/** Signatures stand in 16 bytes, filled with zeros. */
const [HEADER_SIGNATURE, LOCALITY_SIGNATURE] = ['Spec ID Event03\0', 'StartupLocality\0'];

/**
 * A crypto-agile log, as Linux shows it in /sys/kernel/security/tpm0/binary_bios_measurements
 * (TCG PC Client Platform Firmware Profile, sections 10.2 and 10.4.5).
 */
export function parseEventLog(bytes: Uint8Array): Outcome<EventLog> {
	return readAll(
		bytes,
		'the boot log',
		reader => {
			const banks = readHeader(reader);
			const events: BootEvent[] = [];
			let locality: number | undefined;
			for (let index = 1; reader.left > 0; index++) {
				reader.count(index, EVENT_COUNT, 'events');
				const event = readEvent(reader, index, banks);
				if (event.type !== 'EV_NO_ACTION') {
					events.push(event);
					continue;
				}
				const found = startupLocality(reader, event);
				if (found === undefined) continue;
				if (locality !== undefined) reader.fail('says twice from which locality the TPM was started');
				if (events.some(one => one.pcr === 0))
					reader.fail('says after it measured into PCR 0 from which locality the TPM was started');
				locality = found;
			}
			return { banks: banks.map(bank => bank.hash), startupLocality: locality ?? 0, events };
		},
		'little',
	);
}

interface Bank {
	readonly id: number;
	readonly hash: HashName;
	readonly size: number;
}

/** A TCG_PCR_EVENT of old with a SHA-1 digest, whose data says which banks the others have digests for. */
function readHeader(reader: ByteReader): Bank[] {
	const [pcr, type] = [reader.u32(), reader.u32()];
	reader.take(20);
	const size = reader.u32();
	const end = reader.left - size;
	if (pcr !== 0 || type !== NO_ACTION) reader.fail('does not begin with a header', 'Unsupported');
	if (end < 0) reader.fail('ends within its header');
	if (reader.take(16).toString('latin1') !== HEADER_SIGNATURE)
		reader.fail('is not crypto-agile: its header is another', 'Unsupported');
	// Platform class, version, errata, size of a UINTN: no event that is read here depends on them.
	reader.take(8);
	const count = reader.count(reader.u32(), HASHES.size, 'banks');
	const banks = Array.from({ length: count }, () => {
		const id = reader.u16();
		const hash = HASHES.get(id) ?? reader.fail(`has digests of algorithm ${hex(id)}`, 'Unsupported');
		if (reader.u16() !== hash.size) reader.fail(`says that ${hash.name} has another length`);
		return { id, hash: hash.name, size: hash.size };
	});
	if (count === 0 || new Set(banks.map(bank => bank.id)).size < count)
		reader.fail('has no bank, or one twice');
	reader.take(reader.u8());
	if (reader.left !== end) reader.fail('has a header of another length than it says');
	return banks;
}

/** TCG_PCR_EVENT2. It has one digest for each bank: where one is missing, that bank could not be replayed. */
function readEvent(reader: ByteReader, index: number, banks: readonly Bank[]): BootEvent {
	const [pcr, id] = [reader.u32(), reader.u32()];
	const type =
		EVENT_TYPES.get(id) ?? reader.fail(`has event ${index} of unknown type ${hex(id)}`, 'EventUnknown');
	if (pcr >= PCR_COUNT && type !== 'EV_NO_ACTION') reader.fail(`has event ${index} for PCR ${pcr}`);
	const count = reader.u32();
	if (count !== banks.length)
		reader.fail(`has event ${index} with ${count} digests for ${banks.length} banks`);
	const digests: Partial<Record<HashName, Buffer>> = {};
	for (let digest = 0; digest < count; digest++) {
		const algorithm = reader.u16();
		const bank =
			banks.find(one => one.id === algorithm) ??
			reader.fail(`has event ${index} with a digest of algorithm ${hex(algorithm)}`);
		if (digests[bank.hash]) reader.fail(`has event ${index} with two digests of ${bank.hash}`);
		digests[bank.hash] = reader.take(bank.size);
	}
	return { index, pcr, type, digests, data: reader.sized32() };
}

/** TCG_EfiStartupLocalityEvent: 0, 3, or 4 where a hardware root of trust measured first. */
function startupLocality(reader: ByteReader, { data, index }: BootEvent): number | undefined {
	if (data.toString('latin1', 0, 16) !== LOCALITY_SIGNATURE) return undefined;
	const locality = data.length === 17 ? data[16] : undefined;
	if (locality === undefined || ![0, 3, 4].includes(locality))
		reader.fail(`has event ${index} with a startup locality that there is not`);
	return locality;
}
