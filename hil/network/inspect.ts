import type { Store } from '../../common/store/store.ts';
import { listPorts, recordCheck, recordedPort } from '../core/drift.ts';
import type { DriftedPort, SwitchCheck } from '../model/switch-check.ts';
import { describeState, isSameState } from '../switches/driver.ts';
import { bringTo, type CarryOutDeps, isAway, readPort, reasonOf } from './carry-out.ts';

/**
 * Compares what is recorded of a switch with what the switch says, a port at a time, so that changes that are asked for
 * meanwhile can come between any two.
 */
export interface Inspection {
	/**
	 * Looks at the next port. Runs in the turn of the switch's worker, in which alone records of what ports carry
	 * change. Gives what came of it all when there is none left, after recording that.
	 * @throws SwitchAway when there is no answer; NotFoundError when the switch was forgotten
	 */
	next(deps: CarryOutDeps): Promise<SwitchCheck | undefined>;
}

export function createInspection(store: Store, label: string, isRepair: boolean): Inspection {
	let left: string[] | undefined;
	let startedAt = 0;
	let ports = 0;
	const drifted: DriftedPort[] = [];
	return {
		async next(deps) {
			if (!left) {
				startedAt = deps.clock.now();
				left = (await store.read(tx => listPorts(tx, { switch: label }))).reverse();
			}
			const port = left.pop();
			if (port !== undefined) {
				const seen = await inspectPort(store, { switch: label, port }, isRepair, deps);
				if (seen !== 'left-out') ports++;
				if (typeof seen === 'object') drifted.push(seen);
				return undefined;
			}
			const check: SwitchCheck = { startedAt, endedAt: deps.clock.now(), ports, drifted };
			await store.transact(tx => recordCheck(tx, { switch: label }, check));
			return check;
		},
	};
}

/**
 * Looks at one port, as Inspection does. `left-out`: it is just being changed, or is not recorded any more. A port that
 * cannot be read has drifted: nobody knows.
 */
export async function inspectPort(
	store: Store,
	of: { readonly switch: string; readonly port: string },
	isRepair: boolean,
	deps: CarryOutDeps,
): Promise<DriftedPort | 'as-recorded' | 'left-out'> {
	const expected = await store.read(tx => recordedPort(tx, of));
	if (!expected) return 'left-out';
	const { nic, recorded } = expected;
	const drifted = {
		port: of.port,
		nic,
		recorded: plain(recorded),
		found: null,
		repaired: false,
		error: null,
	};
	const found = await orReason(readPort(of.port, deps));
	if (typeof found === 'string') return { ...drifted, error: found };
	if (isSameState(found, recorded)) return 'as-recorded';
	if (!isRepair) return { ...drifted, found: plain(found) };
	const refusal = await orReason(bringTo(of.port, recorded, deps));
	return { ...drifted, found: plain(found), repaired: refusal === undefined, error: refusal ?? null };
}

const plain = ({
	native,
	tagged,
}: {
	readonly native: number | null;
	readonly tagged: readonly number[];
}) => ({
	native,
	tagged: [...tagged],
});

/** What went wrong in words, unless the switch is away: then nothing more can be asked of it. */
const orReason = <R>(asked: Promise<R>): Promise<R | string> =>
	asked.catch(fault => {
		if (isAway(fault)) throw fault;
		return reasonOf(fault).slice(0, 2000);
	});

/** For the log: `gi1/0/1: nothing instead of untagged 10, put right`. */
export function describeDrift({ port, recorded, found, repaired, error }: DriftedPort): string {
	const carried = found ? describeState(found) : 'nobody knows what';
	const parts = [
		`${carried} instead of ${describeState(recorded)}`,
		...(repaired ? ['put right'] : []),
		error,
	];
	return `${port}: ${parts.filter(part => part !== null).join(', ')}`;
}
