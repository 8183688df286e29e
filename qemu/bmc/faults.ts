import type { Clock } from '../../common/clock.ts';
import { type Answer, type AnyAnswer, createRenderer } from '../redfish/answer.ts';

/** How a BMC misbehaves, for tests. */
export interface Faults {
	/** Every answer waits this long, in milliseconds, before the request is carried out. */
	readonly delayMs?: number;
	/** Bytes that are no HTTP instead of an answer; the request is not carried out. */
	readonly garbage?: boolean;
	/** The request is carried out, and the connection ends in the middle of its answer. */
	readonly dropMidAnswer?: boolean;
	/** The request is carried out, and the connection ends in the middle of its answer's head, or before any of it. */
	readonly dropAnswer?: 'in its head' | 'whole';
	/** Awaited when a request has been read whole, and when it has been carried out, before its answer. */
	readonly at?: (moment: 'received' | 'executed') => Promise<void>;
	/** Every connection is cut, and no new one is served. */
	readonly down?: boolean;
	/** What a task was to do fails when its time is over. */
	readonly failTasks?: boolean;
}

export interface FaultInjector {
	set(faults: Faults): void;
	isDown(): boolean;
	failTasks(): boolean;
	apply(answer: () => AnyAnswer | Promise<AnyAnswer>): AnyAnswer | Promise<AnyAnswer>;
}

const GARBAGE = Buffer.from('\x00\x01 no such protocol \xff\r\n\r\n<<<<', 'latin1');

export function createFaults(clock: Clock): FaultInjector {
	let current: Faults = {};
	let faulty = false;
	const render = createRenderer(() => clock.now());
	const cut = (answer: AnyAnswer): AnyAnswer => {
		if (!('status' in answer)) return answer;
		const text = render(answer satisfies Answer, false);
		if (current.dropAnswer) {
			const head = text.indexOf('\r\n');
			return { raw: Buffer.from(current.dropAnswer === 'whole' ? '' : text.slice(0, head + 10), 'latin1') };
		}
		// Half of the body where there is one, so that its Content-Length promises more than comes.
		const end = text.endsWith('\r\n\r\n') ? text.length - 3 : Math.ceil(text.length * 0.75);
		return { raw: Buffer.from(text.slice(0, end), 'latin1') };
	};
	const carryOut = async (answer: () => AnyAnswer | Promise<AnyAnswer>): Promise<AnyAnswer> => {
		const { delayMs, garbage, dropMidAnswer, dropAnswer, at } = current;
		if (delayMs !== undefined) await new Promise<void>(resolve => void clock.after(delayMs, resolve));
		await at?.('received');
		if (garbage) return { raw: GARBAGE };
		const settled = await answer();
		await at?.('executed');
		return dropMidAnswer || dropAnswer ? cut(settled) : settled;
	};
	return {
		set(faults) {
			current = faults;
			faulty = Object.values(faults).some(Boolean);
		},
		isDown: () => current.down === true,
		failTasks: () => current.failTasks === true,
		apply: answer => (faulty ? carryOut(answer) : answer()),
	};
}
