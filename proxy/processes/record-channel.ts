import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../common/clock.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { proxyErrors } from '../errors.ts';

/** Records of one turn of the event loop, one batch a line; home answers each with one line. */
interface Batch {
	readonly number: number;
	readonly records: readonly AuditRecord[];
}
interface Receipt {
	readonly number: number;
	/** Places in the batch of those that did not get into the log. */
	readonly refused: readonly number[];
}

export interface RecordSenderDeps {
	readonly to: Writable;
	readonly from: Readable;
	readonly clock: Clock;
	/** Milliseconds until a record that home has not acknowledged counts as refused. */
	readonly patience?: number;
	/** Records that may be under way. */
	readonly most?: number;
}

/**
 * The audit log as a worker has it: home's. A decision waits until home has its record in hand, so that whatever is
 * forwarded is on the record even if this process dies in the same moment; what home does not take in time is
 * refused.
 */
export function createRecordSender(deps: RecordSenderDeps): Pick<AuditLog, 'append' | 'healthy'> {
	const { to, clock, patience = 2000, most = 10_000 } = deps;
	let gathering: { record: AuditRecord; settle: (fault?: Error) => void }[] = [];
	const sent = new Map<number, { of: typeof gathering; cancel: () => void }>();
	let number = 0;
	let underWay = 0;

	const settle = (batch: number, refused: (place: number) => boolean, why: string): void => {
		const waiting = sent.get(batch);
		if (!waiting) return;
		sent.delete(batch);
		waiting.cancel();
		underWay -= waiting.of.length;
		for (const [place, each] of waiting.of.entries())
			each.settle(refused(place) ? new Error(why) : undefined);
	};
	const send = (): void => {
		const of = gathering;
		gathering = [];
		number++;
		const batch = number;
		const cancel = clock.after(patience, () =>
			settle(batch, () => true, `home has not taken the record within ${patience} ms`),
		);
		sent.set(batch, { of, cancel });
		to.write(
			`${JSON.stringify({ number: batch, records: of.map(({ record }) => record) } satisfies Batch)}\n`,
		);
	};
	onLines(deps.from, line => {
		const receipt = JSON.parse(line) as Receipt;
		settle(receipt.number, place => receipt.refused.includes(place), 'home could not take the record');
	});

	return {
		append(record) {
			if (underWay >= most) {
				const durable = Promise.reject(
					proxyErrors.AuditUnavailable('too many decisions wait for their record; try again'),
				);
				durable.catch(() => undefined);
				return { durable, taken: durable };
			}
			underWay++;
			// In the check phase all decisions of this turn go together.
			if (gathering.length === 0) setImmediate(send);
			const taken = new Promise<void>((resolve, reject) => {
				gathering.push({ record, settle: fault => (fault ? reject(fault) : resolve()) });
			});
			taken.catch(() => undefined);
			return { durable: taken, taken };
		},
		// Home says so with each record.
		healthy: () => true,
	};
}

/** Home's end: takes a worker's records into the log, in the order in which they come. */
export function receiveRecords(
	from: Readable,
	to: Writable,
	audit: Pick<AuditLog, 'append' | 'healthy'>,
): void {
	onLines(from, line => {
		const { number, records } = JSON.parse(line) as Batch;
		const refused: number[] = [];
		for (const [place, record] of records.entries()) {
			// A worker decides on reads alone: nobody waits for the disk, as with home's own.
			const isTaken = audit.healthy() && audit.append(record, { patient: true }).seq !== undefined;
			if (!isTaken) refused.push(place);
		}
		to.write(`${JSON.stringify({ number, refused } satisfies Receipt)}\n`);
	});
}

function onLines(from: Readable, take: (line: string) => void): void {
	let rest = '';
	from.setEncoding('utf8');
	from.on('data', (text: string) => {
		const lines = (rest + text).split('\n');
		rest = lines.pop() ?? '';
		for (const line of lines) take(line);
	});
	from.on('error', () => undefined); // the process at the other end has gone; its exit says so
}
