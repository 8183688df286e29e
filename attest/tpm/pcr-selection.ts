import type { ByteReader } from '../bytes/byte-reader.ts';
import { HASHES, type HashName } from './algorithms.ts';
import { hex } from './public-area.ts';

/** PCRs of one bank, ascending. */
export interface PcrBank {
	readonly hash: HashName;
	readonly pcrs: readonly number[];
}

/** TPML_PCR_SELECTION (TPM 2.0 Part 2, section 10.9.7). A bank may stand there once, and 24 PCRs are what PCs have. */
export function readPcrSelection(reader: ByteReader): PcrBank[] {
	const count = reader.count(reader.u32(), HASHES.size, 'banks of PCRs');
	const banks = Array.from({ length: count }, () => {
		const id = reader.u16();
		const hash = HASHES.get(id)?.name ?? reader.fail(`has PCR bank ${hex(id)}`, 'Unsupported');
		const bitmap = reader.take(reader.count(reader.u8(), 4, 'bytes of PCR bits'));
		const pcrs: number[] = [];
		for (let pcr = 0; pcr < bitmap.length * 8; pcr++)
			if (((bitmap[pcr >> 3] ?? 0) >> (pcr & 7)) & 1) pcrs.push(pcr);
		return { hash, pcrs };
	});
	if (banks.length > 1 && new Set(banks.map(bank => bank.hash)).size < banks.length)
		reader.fail('has a bank of PCRs twice');
	return banks;
}

/** The same PCRs of the same banks, in the same order. */
export const isSameSelection = (some: readonly PcrBank[], others: readonly PcrBank[]): boolean =>
	some.length === others.length &&
	some.every((bank, index) => {
		const other = others[index];
		return (
			other?.hash === bank.hash &&
			other.pcrs.length === bank.pcrs.length &&
			bank.pcrs.every((pcr, place) => other.pcrs[place] === pcr)
		);
	});

/** `sha256:0,1,7`, as tpm2-tools write it. */
export const selectionText = (banks: readonly PcrBank[]): string =>
	banks.map(({ hash, pcrs }) => `${hash}:${pcrs.join(',')}`).join('+');

/** The same, read; banks that are not known are left out, and with them whatever was to be judged by them. */
export function readSelection(text: string): PcrBank[] {
	const names = new Map([...HASHES.values()].map(({ name }) => [name as string, name]));
	return text.split('+').flatMap(bank => {
		const [hash = '', pcrs = ''] = bank.split(':');
		const name = names.get(hash);
		return name === undefined ? [] : [{ hash: name, pcrs: pcrs.split(',').map(Number) }];
	});
}
