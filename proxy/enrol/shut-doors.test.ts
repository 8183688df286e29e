import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { Enrolment } from './enrolment-file.ts';
import type { BmcLogin } from './open-bmc.ts';
import { shutDoors } from './shut-doors.ts';

const enrolment: Enrolment = {
	...{ format: 1, bmc: 'node1', url: 'https://10.0.0.1', fingerprint: '0'.repeat(64), username: 'root' },
	...{ state: 'enrolling', passwords: [], passwordFile: 'secrets/bmc-node1', rack: null, keep: [] },
	...{ accounts: 'disable', shut: [] },
};
const manager = '/redfish/v1/Managers/bmc';

/** A BMC that answers at once, and stops SSH only `after` so many milliseconds; never, when undefined. */
async function shut(after: number | undefined, status = 204) {
	const clock = new FakeClock();
	// Waits pass at once.
	const quick = Object.assign(Object.create(clock), {
		now: () => clock.now(),
		after: (ms: number, fn: () => void) => {
			clock.advance(ms);
			setImmediate(fn);
			return () => undefined;
		},
	}) as FakeClock;
	let asked: number | undefined;
	const isOpen = () => asked === undefined || after === undefined || clock.now() < asked + after;
	const pages: Readonly<Record<string, () => unknown>> = {
		'/redfish/v1/Managers': () => ({ Members: [{ '@odata.id': manager }] }),
		[manager]: () => ({ NetworkProtocol: { '@odata.id': `${manager}/NetworkProtocol` } }),
		[`${manager}/NetworkProtocol`]: () => ({ SSH: { ProtocolEnabled: isOpen() } }),
	};
	const login = {
		session: '/redfish/v1/SessionService/Sessions/own',
		look: async (path: string) => {
			const page = pages[path];
			return page ? { status: 200, json: page() } : { status: 404, json: undefined };
		},
		send: async () => {
			asked = clock.now();
			return status;
		},
		logOut: async () => undefined,
	} as BmcLogin;
	const began = clock.now();
	const lines: string[] = [];
	const { shut: done, left } = await shutDoors(login, enrolment, {
		save: async () => undefined,
		report: line => lines.push(line),
		clock: quick,
	});
	return { done, left, lines, took: clock.now() - began };
}

test('a door that the BMC is still shutting is waited for', async t => {
	t.deepEqual(await shut(5000), { done: ['SSH'], left: [], lines: ['SSH: shut'], took: 5000 });
	t.is((await shut(0)).took, 0);
});

test('one that stays open after all is named; one that the BMC refused to shut is not waited for', async t => {
	const never = await shut(undefined);
	t.deepEqual([never.done, never.left], [[], ['SSH']]);
	t.is(never.took, 20_000);
	const refused = await shut(undefined, 400);
	t.deepEqual([refused.left, refused.took], [['SSH'], 0]);
	t.deepEqual(refused.lines, ['SSH: STILL OPEN, the BMC answered 400']);
});
