import { genesis, type Head, type SealedRecord, unseal, whyNotNext } from './chain.ts';
import { isWholeLine, longestLine, type NamedLogFile, readLines } from './log-files.ts';

/** What a walk along the chain comes upon. `line` counts from 1. */
export type Step = { readonly file: string; readonly line: number } & (
	| { readonly kind: 'record'; readonly sealed: SealedRecord }
	/** The end of the newest file, without a newline: a crash cut it short, or it is being written just now. */
	| { readonly kind: 'torn'; readonly offset: number; readonly bytes: Uint8Array }
	/** The last step: what follows cannot be told. */
	| { readonly kind: 'damage'; readonly reason: string }
);

/**
 * Goes along the log, checking each line and its place. `files` is the whole log, or its end: then the first record
 * is believed about what came before it.
 */
export async function* walk(files: readonly NamedLogFile[], wholeLog: boolean): AsyncGenerator<Step> {
	let head: Head | undefined = wholeLog ? genesis : undefined;
	for (const [index, { path, first }] of files.entries()) {
		let line = 0;
		let offset = 0;
		if (head && first !== head.seq + 1) {
			yield { kind: 'damage', file: path, line: 1, reason: `record ${first} follows record ${head.seq}` };
			return;
		}
		for await (const bytes of readLines(path)) {
			line++;
			if (!isWholeLine(bytes) && bytes.length <= longestLine && index === files.length - 1) {
				yield { kind: 'torn', file: path, line, offset, bytes };
				return;
			}
			const sealed = unseal(bytes);
			head ??= sealed && { seq: first - 1, hash: sealed.prev };
			const reason = sealed && head ? whyNotNext(head, sealed) : 'it is not what was written';
			if (!sealed || reason !== undefined) {
				yield { kind: 'damage', file: path, line, reason: reason ?? 'it is not what was written' };
				return;
			}
			yield { kind: 'record', file: path, line, sealed };
			head = sealed;
			offset += bytes.length;
		}
	}
}
