import type { ExecutionContext, TestFn } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { createAuthority } from '../../../common/identity/site-ca.ts';
import type { PortState } from '../../core/actions.ts';
import { describeState, isSameState, type Settings, type SwitchDriver, type SwitchType } from '../driver.ts';
import { createHttps, type Https } from './https.ts';
import {
	account,
	type Fault,
	type HttpsSimulator,
	type SimulatedRequest,
	type SimulatedResponse,
} from './https-simulator.fixture.ts';

export interface HttpsContractSwitch {
	readonly simulator: HttpsSimulator;
	/** What passes a port, as the simulator itself has it. */
	carries(port: string): PortState;
	readonly type: (https: Https) => SwitchType;
	/** With the simulator's host and account. */
	readonly settings: Settings;
	readonly port: string;
	isChange(request: SimulatedRequest): boolean;
	/** What a switch answers that has done what it was asked. */
	success(request: SimulatedRequest): SimulatedResponse;
}

const { signal } = new AbortController();
const nothing: PortState = { native: null, tagged: [] };
const steps: readonly (readonly [PortState, PortState])[] = [
	[
		{ native: 10, tagged: [11, 12] },
		{ native: 20, tagged: [10, 12, 21] },
	],
	[
		{ native: null, tagged: [] },
		{ native: 10, tagged: [11] },
	],
	[
		{ native: 10, tagged: [11] },
		{ native: null, tagged: [] },
	],
	[
		{ native: 10, tagged: [11] },
		{ native: 11, tagged: [] },
	],
];

/** No VLAN passes that was neither there before nor is wanted, and none in another way than before or as wanted. */
export function isBetween(state: PortState, before: PortState, wanted: PortState): boolean {
	const { native, tagged } = state;
	return (
		(native === null || native === before.native || native === wanted.native) &&
		tagged.every(vlan => before.tagged.includes(vlan) || wanted.tagged.includes(vlan))
	);
}

/** What every driver that speaks HTTPS does when something goes wrong on the way or on the switch. */
export function httpsContract(test: TestFn, name: string, setUp: () => Promise<HttpsContractSwitch>): void {
	interface Bench extends HttpsContractSwitch {
		open(settings?: Settings, ca?: string): SwitchDriver;
	}
	async function bench(t: ExecutionContext): Promise<Bench> {
		const contracted = await setUp();
		const { simulator, type, settings } = contracted;
		t.teardown(simulator.close);
		return {
			...contracted,
			open(other, ca = simulator.ca) {
				const driver = type(createHttps({ ca, knownHosts: undefined }, { quiet: 0 })).open({
					...settings,
					...other,
				});
				t.teardown(() => driver.close());
				return driver;
			},
		};
	}
	async function fails(t: ExecutionContext, call: Promise<unknown>, code: string): Promise<string> {
		const fault = await t.throwsAsync(call);
		t.true(fault instanceof BimetalError, String(fault?.stack));
		t.is((fault as BimetalError).code, code, fault?.message);
		t.notRegex(fault?.message ?? '', /correct|horse/);
		t.true((fault?.message.length ?? 0) < 1000);
		return fault?.message ?? '';
	}

	test(`${name}: lost requests and lost answers leave a port between what it was and what it is to be`, async t => {
		const { simulator, carries, port, open } = await bench(t);
		const driver = open();
		for (const [before, wanted] of steps) {
			for (const kind of ['cut before', 'cut after'] as const) {
				for (let lost = 0, isLost = true; isLost; lost++) {
					await driver.setPort(port, before, signal);
					let count = 0;
					isLost = false;
					simulator.fault = () => {
						if (count++ !== lost) return undefined;
						isLost = true;
						return { kind };
					};
					const call = driver.setPort(port, wanted, signal);
					const where = `${describeState(before)} → ${describeState(wanted)}, ${kind}, request ${lost}`;
					if (await call.then(() => true).catch(fault => fault.code !== 'SwitchAway')) t.false(isLost, where);
					simulator.fault = undefined;
					t.true(isBetween(carries(port), before, wanted), `${where}: ${describeState(carries(port))}`);
					await driver.setPort(port, wanted, signal);
					t.true(isSameState(carries(port), wanted), where);
				}
			}
		}
	});

	test(`${name}: a switch that only says that it did something opens no port that carries anything else`, async t => {
		const { simulator, carries, port, open, isChange, success } = await bench(t);
		const driver = open();
		for (const [before, wanted] of steps) {
			for (let deaf = 0, isDeaf = true; isDeaf; deaf++) {
				await driver.setPort(port, before, signal);
				let count = 0;
				isDeaf = false;
				simulator.fault = request => {
					if (!isChange(request) || count++ !== deaf) return undefined;
					isDeaf = true;
					return { kind: 'pretends', response: success(request) };
				};
				await driver.setPort(port, wanted, signal).catch(fault => t.is(fault.code, 'SwitchRefused'));
				simulator.fault = undefined;
				const state = carries(port);
				t.true(isBetween(state, before, wanted), `change ${deaf}: ${describeState(state)}`);
				const isOpened = isSameState(before, nothing) && !isSameState(state, nothing);
				t.true(
					isSameState(state, wanted) || (isDeaf && !isOpened),
					`change ${deaf}: ${describeState(state)}`,
				);
			}
		}
	});

	test(`${name}: rubbish, an answer without an end and a server in trouble: the switch is away`, async t => {
		const { simulator, port, open } = await bench(t);
		const driver = open();
		const says = (status: number, body: string): Fault => ({ kind: 'says', response: { status, body } });
		const faults: Fault[] = [
			says(200, '<html>hello</html>'),
			says(200, '{"jsonrpc":'),
			says(200, '\u0000\uffff'),
			says(503, 'Service Unavailable'),
			{ kind: 'endless' },
		];
		for (const fault of faults) {
			simulator.fault = () => fault;
			await fails(t, driver.readPort(port, signal), 'SwitchAway');
			await fails(t, driver.setPort(port, { native: 10, tagged: [] }, signal), 'SwitchAway');
		}
		simulator.fault = undefined;
		await driver.setPort(port, { native: 10, tagged: [] }, signal);
		t.deepEqual(await driver.readPort(port, signal), { native: 10, tagged: [] });
	});

	test(`${name}: a wrong account is refused, a wrong certificate gets no account`, async t => {
		const { simulator, carries, port, open } = await bench(t);
		const wanted = { native: 10, tagged: [] };
		const before = carries(port);
		const words = await fails(t, open({ password: 'wrong' }).setPort(port, wanted, signal), 'SwitchRefused');
		t.regex(words, /does not let hil in/);
		t.true(simulator.turnedAway > 0);
		simulator.turnedAway = 0;
		const stranger = await createAuthority({ name: 'stranger', clock: systemClock });
		await fails(t, open({}, stranger.certificatePem).setPort(port, wanted, signal), 'SwitchAway');
		t.is(simulator.requests.length + simulator.turnedAway, 0);
		t.deepEqual(carries(port), before);
	});

	test(`${name}: a change that was given up is over before anything else is sent`, async t => {
		const { simulator, carries, port, type, settings, isChange, open } = await bench(t);
		// As the worker does it: what is away is opened anew, by the same type.
		const switches = type(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 }));
		const driver = switches.open(settings);
		await driver.setPort(port, { native: 10, tagged: [] }, signal);
		let letGo = (): void => undefined;
		const until = new Promise<void>(resolve => {
			letGo = resolve;
		});
		const arrived = new Promise<void>(resolve => {
			simulator.fault = request => {
				if (!isChange(request)) return undefined;
				resolve();
				return { kind: 'slow', until };
			};
		});
		const impatience = new AbortController();
		const change = driver.setPort(port, { native: 10, tagged: [11] }, impatience.signal);
		await arrived;
		impatience.abort(new Error('too slow'));
		await t.throwsAsync(change, { message: 'too slow' });
		await driver.close();
		simulator.fault = undefined;
		const next = switches.open(settings);
		t.teardown(() => next.close());
		const back = next.setPort(port, { native: 12, tagged: [] }, signal);
		// Somebody who is not held back: whatever else is not would be here before that.
		const stranger = open();
		const before = simulator.requests.length;
		await stranger.readPort(port, signal);
		const itsOwn = simulator.requests.length - before;
		await stranger.readPort(port, signal);
		t.is(simulator.requests.length, before + 2 * itsOwn);
		letGo();
		await back;
		t.deepEqual(carries(port), { native: 12, tagged: [] });
	});

	test(`${name}: HIL's fields register one, and never one without TLS`, async t => {
		const { type, settings, simulator } = await bench(t);
		const kind = type(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 }));
		t.deepEqual([settings.username, settings.password], [account.username, account.password]);
		t.true(kind.settings.safeParse(settings).success);
		t.false(kind.settings.safeParse({ ...settings, hostname: 'http://tor1' }).success);
		t.false(kind.settings.safeParse({ ...settings, verify: false }).success);
		t.false(kind.settings.safeParse({ ...settings, password: undefined }).success);
		t.deepEqual(kind.secrets, ['password']);
	});
}
