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
	if (new Set(banks.map(bank => bank.hash)).size < banks.length) reader.fail('has a bank of PCRs twice');
	return banks;
}

/** `sha256:0,1,7`, as tpm2-tools write it: also what two selections are compared by. */
export const selectionText = (banks: readonly PcrBank[]): string =>
	banks.map(({ hash, pcrs }) => `${hash}:${pcrs.join(',')}`).join('+');
