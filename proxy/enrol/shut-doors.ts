import type { Clock } from '../../common/clock.ts';
import { type Door, type DoorRules, openDoors } from './doors.ts';
import type { Enrolment } from './enrolment-file.ts';
import type { BmcLogin } from './open-bmc.ts';
import { readSurface } from './read-surface.ts';

export const rulesOf = (
	enrolment: Enrolment,
	ownSession: string | undefined,
	sameHost: boolean,
	ownStreams = 0,
): DoorRules => ({
	account: enrolment.username,
	keep: enrolment.keep,
	accounts: enrolment.accounts,
	ownSession,
	sameHost,
	ownStreams,
});

/** The doors that stand open, as this session sees them. */
export const lookAtDoors = async (login: BmcLogin, enrolment: Enrolment): Promise<readonly Door[]> =>
	openDoors(await readSurface(enrolment.bmc, login.look), rulesOf(enrolment, login.session, false));

/** Ended, it is missed by nobody who would not open another one. */
const isPassing = (kind: Door['kind'], name: string): boolean =>
	kind === 'session' || (kind === 'subscription' && name.startsWith('event stream '));

/** The record, with these doors as ones that stood open before. */
function withDoors(enrolment: Enrolment, doors: readonly Door[]): Enrolment {
	const known = new Set(enrolment.shut.map(({ door }) => door));
	const shut = doors
		.filter(({ kind, name }) => !isPassing(kind, name) && !known.has(name))
		.map(({ name, reopen }) => ({ door: name, reopen: reopen ?? null }));
	return shut.length ? { ...enrolment, shut: [...enrolment.shut, ...shut] } : enrolment;
}

/**
 * A BMC that has said yes may still be at it: OpenBMC stops services after its answer. For so long, in milliseconds, it
 * is looked at again.
 */
const settleTime = 20_000;
const pause = 1000;

/**
 * Shuts every door that stands open, and reads back whether it is. What opens them again is kept (`save`) before
 * the first is shut.
 */
export async function shutDoors(
	login: BmcLogin,
	enrolment: Enrolment,
	{
		save,
		report,
		clock,
	}: {
		readonly save: (enrolment: Enrolment) => Promise<void>;
		readonly report: (line: string) => void;
		readonly clock: Clock;
	},
): Promise<{ enrolment: Enrolment; shut: string[]; left: string[] }> {
	const doors = await lookAtDoors(login, enrolment);
	const remembered = withDoors(enrolment, doors);
	if (remembered !== enrolment) await save(remembered);
	const answers = new Map<string, number>();
	for (const { name, shut } of doors) {
		if (shut) answers.set(name, await login.send(shut));
	}
	const look = async () => new Set((await lookAtDoors(login, remembered)).map(({ name }) => name));
	const mayShutYet = (name: string): boolean => {
		const status = answers.get(name) ?? 0;
		return status >= 200 && status < 300;
	};
	let still = await look();
	for (const until = clock.now() + settleTime; clock.now() < until && [...still].some(mayShutYet); ) {
		await new Promise<void>(done => void clock.after(pause, done));
		still = await look();
	}
	for (const { name } of doors) {
		if (!still.has(name)) report(`${name}: shut`);
		else report(`${name}: STILL OPEN, the BMC answered ${answers.get(name) ?? 'nothing'}`);
	}
	return {
		enrolment: remembered,
		shut: doors.map(({ name }) => name).filter(name => !still.has(name)),
		left: [...still],
	};
}
