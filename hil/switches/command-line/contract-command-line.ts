import type { ExecutionContext, TestFn } from 'ava';
import fc from 'fast-check';
import type { PortState } from '../../core/actions.ts';
import { describeState, isSameState, type Settings, type SwitchDriver, type SwitchType } from '../driver.ts';
import { account, type Device, type Simulator, startSimulator, type Trouble } from './simulator.fixture.ts';

export interface CommandLineContract<D extends Device = Device> {
	readonly device: () => D;
	/** Of a site with these known hosts. */
	readonly type: (knownHosts: string) => SwitchType;
	/** Besides host name and account. */
	readonly settings: Settings;
	/** One that is shut, and one as it comes: up, on the default VLAN. */
	readonly ports: { readonly shut: string; readonly factory: string };
	/** What a port carries that is as it comes. */
	readonly factory: PortState;
	/** Has the device forget a VLAN, which its ports stay allowed; absent where they do not. */
	readonly takeOff?: (device: D, vlan: number) => void;
	/** Commands that only look. */
	readonly looks: RegExp;
	/** How the device says no. */
	readonly no: string;
	/** What it says when it cannot save. */
	readonly notSaved: string;
	/** The command after which nothing is paged. */
	readonly unpaged: string;
}

const { signal } = new AbortController();
const nothing: PortState = { native: null, tagged: [] };
const steps: readonly (readonly [PortState, PortState])[] = [
	[nothing, { native: 10, tagged: [11] }],
	[{ native: 10, tagged: [11] }, nothing],
	[
		{ native: 10, tagged: [11, 12] },
		{ native: 20, tagged: [12, 10] },
	],
	[
		{ native: null, tagged: [11, 12] },
		{ native: 11, tagged: [13] },
	],
	[
		{ native: 11, tagged: [13] },
		{ native: null, tagged: [11, 12] },
	],
	[
		{ native: 10, tagged: [] },
		{ native: 20, tagged: [] },
	],
	[
		{ native: 10, tagged: [11] },
		{ native: 10, tagged: [12] },
	],
	[
		{ native: null, tagged: [11] },
		{ native: null, tagged: [12] },
	],
];

const vlansOf = ({ native, tagged }: PortState): number[] => [
	...(native === null ? [] : [native]),
	...tagged,
];

/** What every driver does that speaks to a command line, whatever goes wrong on the way or on the switch. */
export function commandLineContract<D extends Device>(
	test: TestFn,
	name: string,
	given: CommandLineContract<D>,
): void {
	interface Bench {
		readonly simulator: Simulator;
		readonly device: D;
		readonly driver: SwitchDriver;
		readonly settings: Settings;
		open(settings?: Settings, knownHosts?: string): SwitchDriver;
		/** Throws when anything else passed a port than before, and what is wanted. */
		check(port: string, before: PortState, wanted: PortState): void;
	}

	async function bench(
		t: ExecutionContext,
		options: Parameters<typeof startSimulator>[1] = {},
	): Promise<Bench> {
		const device = given.device();
		const simulator = await startSimulator(device, options);
		t.teardown(() => simulator.close());
		const type = given.type(simulator.knownHosts);
		const settings = { ...given.settings, ...account, hostname: simulator.hostname };
		const open: Bench['open'] = (other = {}, knownHosts) =>
			(knownHosts === undefined ? type : given.type(knownHosts)).open({
				...settings,
				...other,
			});
		const driver = open();
		t.teardown(() => driver.close());
		return {
			simulator,
			device,
			driver,
			settings,
			open,
			check(port, before, wanted) {
				const allowed = [...vlansOf(before), ...vlansOf(wanted)];
				for (const { command, port: changed, state } of simulator.history.splice(0)) {
					const strays =
						changed === port ? vlansOf(state).filter(vlan => !allowed.includes(vlan)) : vlansOf(state);
					if (strays.length === 0) continue;
					throw new Error(
						`${describeState(before)} → ${describeState(wanted)}: after '${command}' port ${changed} carries ${describeState(state)}`,
					);
				}
			},
		};
	}
	/** Without what makes log-ins of old switches slow. */
	const quick = { isOld: false, hostKey: 'ed25519' } as const;
	/** The n-th command from now on, from 0. */
	const atCommand = (n: number, trouble: Trouble): Simulator['trouble'] => {
		let left = n;
		return () => (left-- === 0 ? trouble : undefined);
	};
	const atChange = (trouble: Trouble): Simulator['trouble'] => {
		let isOver = false;
		return command => {
			if (isOver || given.looks.test(command)) return undefined;
			isOver = true;
			return trouble;
		};
	};
	const { shut, factory } = given.ports;

	test(`${name}: cut off at any command, a port carries nothing but what it carried and is to carry`, async t => {
		const { simulator, device, driver, check } = await bench(t, quick);
		let cuts = 0;
		for (const [before, wanted] of steps) {
			for (let n = 0; ; n++) {
				await driver.setPort(shut, before, signal);
				t.true(isSameState(device.carries(shut), before), describeState(before));
				simulator.history.length = 0;
				simulator.trouble = atCommand(n, { kind: 'cut after' });
				const fault = await driver.setPort(shut, wanted, signal).catch((cause: Error) => cause);
				simulator.trouble = () => undefined;
				check(shut, before, wanted);
				if (!fault) break;
				t.is((fault as { code?: string }).code, 'SwitchAway');
				cuts++;
				await driver.setPort(shut, wanted, signal);
				check(shut, before, wanted);
				t.true(
					isSameState(device.carries(shut), wanted),
					`${describeState(before)} → ${describeState(wanted)}, cut at ${n}`,
				);
				t.true(isSameState(await driver.readPort(shut, signal), wanted));
			}
		}
		t.true(cuts > 4 * steps.length, `${cuts} cuts`);
	});

	test(`${name}: refused at any command, done or not, it says so and carries nothing else`, async t => {
		const { simulator, device, driver, check } = await bench(t, quick);
		let refusals = 0;
		for (const [index, [before, wanted]] of steps.entries()) {
			for (const isDone of index < 3 ? [false, true] : [true]) {
				for (let n = 0; ; n++) {
					await driver.setPort(shut, before, signal);
					simulator.history.length = 0;
					let left = n;
					simulator.trouble = command =>
						!given.looks.test(command) && left-- === 0
							? { kind: 'says', lines: [`${given.no} number ${n}`], isDone }
							: undefined;
					const fault = await driver.setPort(shut, wanted, signal).catch((cause: Error) => cause);
					simulator.trouble = () => undefined;
					check(shut, before, wanted);
					if (!fault) break;
					refusals++;
					t.is((fault as { code?: string }).code, 'SwitchRefused', fault.message);
					t.true(fault.message.includes(`number ${n}`), fault.message);
					await driver.setPort(shut, before, signal);
					check(shut, before, wanted);
					t.true(isSameState(device.carries(shut), before), describeState(before));
				}
			}
		}
		t.true(refusals > 4 * steps.length, `${refusals} refusals`);
	});

	test(`${name}: from any state to any other, nothing else passes in between`, async t => {
		const { device, driver, check } = await bench(t, quick);
		const aVlan = fc.constantFrom(1, 2, 10, 11, 12, 13, 20, 100, 4000);
		const aState = fc
			.record({ native: fc.option(aVlan), tagged: fc.uniqueArray(aVlan, { maxLength: 5 }) })
			.map(({ native, tagged }) => ({ native, tagged: tagged.filter(vlan => vlan !== native) }))
			.filter(
				state => given.device().carries(shut) !== undefined && !vlansOf(state).some(vlan => isReserved(vlan)),
			);
		let before = nothing;
		await fc.assert(
			fc.asyncProperty(aState, async wanted => {
				await driver.setPort(shut, wanted, signal);
				check(shut, before, wanted);
				if (!isSameState(device.carries(shut), wanted)) throw new Error(describeState(device.carries(shut)));
				before = wanted;
			}),
			{ numRuns: 60, endOnFailure: true },
		);
		t.pass();
	});
	const isReserved = (vlan: number): boolean => vlansOf(given.factory).includes(vlan);

	test(`${name}: whatever goes wrong one after the other, nothing else passes, and in the end all is as wanted`, async t => {
		const { simulator, device, driver, check } = await bench(t, quick);
		const aVlan = fc.constantFrom(10, 11, 12, 13, 20);
		const aStep = fc.record({
			state: fc
				.record({ native: fc.option(aVlan), tagged: fc.uniqueArray(aVlan, { maxLength: 3 }) })
				.map(({ native, tagged }) => ({ native, tagged: tagged.filter(vlan => vlan !== native) })),
			at: fc.nat({ max: 15 }),
			trouble: fc.constantFrom<Trouble>(
				{ kind: 'cut before' },
				{ kind: 'cut after' },
				{ kind: 'strays', mode: 'exec' },
				{ kind: 'strays', mode: 'config' },
				{ kind: 'says', lines: [given.no], isDone: true },
				{ kind: 'says', lines: [given.no], isDone: false },
			),
		});
		let faults = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(aStep, { minLength: 3, maxLength: 8 }), async script => {
				for (const { state, at, trouble } of script) {
					const before = device.carries(shut);
					simulator.trouble = atCommand(at, trouble);
					await driver.setPort(shut, state, signal).catch(() => faults++);
					simulator.trouble = () => undefined;
					check(shut, before, state);
				}
				const wanted = script.at(-1)?.state ?? nothing;
				const before = device.carries(shut);
				await driver.setPort(shut, wanted, signal);
				check(shut, before, wanted);
				if (!isSameState(device.carries(shut), wanted)) throw new Error(describeState(device.carries(shut)));
			}),
			{
				numRuns: 12,
				endOnFailure: true,
				examples: [
					[
						// Cut off when its mode is trunk and its list not set yet, a port is allowed VLANs that are not there.
						[
							{ state: { native: 11, tagged: [] }, at: 4, trouble: { kind: 'strays', mode: 'exec' } },
							{ state: { native: 11, tagged: [20] }, at: 13, trouble: { kind: 'cut before' } },
							{ state: { native: 11, tagged: [] }, at: 13, trouble: { kind: 'strays', mode: 'config' } },
							{ state: { native: 13, tagged: [20, 10] }, at: 15, trouble: { kind: 'cut before' } },
						],
					],
				],
			},
		);
		t.true(faults > 10, `${faults} faults`);
	});

	const { takeOff } = given;
	if (takeOff)
		test(`${name}: a VLAN that somebody took off the switch is there again, also for a port that is allowed it`, async t => {
			const { device, driver } = await bench(t, quick);
			const before = { native: 10, tagged: [11, 12] };
			await driver.setPort(shut, before, signal);
			for (const wanted of [before, { native: 12, tagged: [11] }]) {
				for (const vlan of [10, 11, 12]) takeOff(device, vlan);
				t.deepEqual(device.carries(shut), nothing);
				await driver.setPort(shut, wanted, signal);
				t.deepEqual(device.carries(shut), wanted);
			}
		});

	test(`${name}: a port as it comes is read, and set without ever being on all VLANs`, async t => {
		const { simulator, device, driver, check } = await bench(t);
		t.deepEqual(await driver.readPort(factory, signal), given.factory);
		const wanted = { native: 10, tagged: [11] };
		await driver.setPort(factory, wanted, signal);
		t.true(isSameState(device.carries(factory), wanted));
		t.true(simulator.history.length > 0);
		check(factory, given.factory, wanted);
	});

	test(`${name}: given up, it throws at once; nobody overtakes the command that is under way`, async t => {
		const { simulator, device, driver, open, settings, check } = await bench(t);
		const before = { native: 10, tagged: [11] };
		await driver.setPort(shut, before, signal);
		const held = Promise.withResolvers<void>();
		const begun = Promise.withResolvers<void>();
		const trouble = atChange({ kind: 'slow', until: held.promise });
		simulator.trouble = command => {
			const found = trouble(command);
			if (found) begun.resolve();
			return found;
		};
		const late = new AbortController();
		const change = driver.setPort(shut, nothing, late.signal);
		await begun.promise;
		late.abort(new Error('too late'));
		await t.throwsAsync(change, { message: 'too late' });
		await driver.close();
		const next = open();
		let isRead = false;
		const reading = next.readPort(shut, signal).then(state => {
			isRead = true;
			return state;
		});
		const impatient = new AbortController();
		const another = t.throwsAsync(open().readPort(shut, impatient.signal), { message: 'impatient' });
		impatient.abort(new Error('impatient'));
		await another;
		// Who knows nothing of it is let in and answered meanwhile, after those two would have been.
		const stranger = given.type(simulator.knownHosts).open(settings);
		for (let n = 0; n < 3; n++) await stranger.readPort(shut, signal);
		await stranger.close();
		t.false(isRead);
		held.resolve();
		t.true(isSameState(await reading, device.carries(shut)));
		check(shut, before, nothing);
		await next.setPort(shut, nothing, signal);
		t.deepEqual(device.carries(shut), nothing);
		await next.close();
	});

	for (const [what, trouble] of [
		[
			'no text',
			{ kind: 'garbage', bytes: Buffer.from([0xff, 0x00, 0x1b, 0x5b, 0x80, 0x0d, 0x0a, 0xfe, 0x1b]) },
		],
		['without an end', { kind: 'endless' }],
		['out of step', { kind: 'strays', mode: 'exec' }],
	] as const) {
		test(`${name}: an answer that is ${what} is not believed`, async t => {
			const { simulator, device, driver, check } = await bench(t);
			const wanted = { native: 10, tagged: [11] };
			for (const n of [2, 3, 6]) {
				simulator.trouble = atCommand(n, trouble);
				const late = new AbortController();
				// After garbage comes no prompt: somebody has to lose patience.
				const timer =
					trouble.kind === 'garbage' ? setTimeout(() => late.abort(new Error('late')), 300) : undefined;
				const fault = await driver.setPort(shut, wanted, late.signal).catch((cause: Error) => cause);
				clearTimeout(timer);
				simulator.trouble = () => undefined;
				if (trouble.kind === 'garbage') t.is(fault?.message, 'late');
				else t.is((fault as { code?: string } | undefined)?.code, 'SwitchAway', `${n}`);
				simulator.server.cut();
				check(shut, nothing, wanted);
				await driver.setPort(shut, nothing, signal).catch(() => undefined);
			}
			await driver.setPort(shut, wanted, signal);
			t.true(isSameState(device.carries(shut), wanted));
		});
	}

	test(`${name}: another host key, or a wrong password: nothing is asked, and it says what to do`, async t => {
		const { simulator, open } = await bench(t);
		const stranger = await t.throwsAsync(open({}, '').readPort(shut, signal), { code: 'SwitchAway' });
		t.true(stranger?.message.includes(simulator.server.fingerprint));
		t.deepEqual(simulator.server.logIns, { taken: 0, refused: 0 });
		const wrong = await t.throwsAsync(open({ password: 'guessed it' }).readPort(shut, signal), {
			code: 'SwitchAway',
		});
		t.regex(wrong?.message ?? '', /does not let hil in/);
		t.false(wrong?.message.includes('guessed it'));
		t.deepEqual(simulator.commands, []);
	});

	for (const logIn of ['password', 'keyboard-interactive', 'within'] as const) {
		test(`${name}: logs in by ${logIn}, with any banner before`, async t => {
			const { device, driver } = await bench(t, {
				logIn,
				banner: '#### Authorised use only ####\r\nPassword: ask\r\n',
			});
			await driver.setPort(shut, { native: 10, tagged: [] }, signal);
			t.deepEqual(device.carries(shut), { native: 10, tagged: [] });
		});
	}

	test(`${name}: no more log-ins are kept than one, and none in the end; too many are away`, async t => {
		const { simulator, device, driver, open } = await bench(t);
		for (let n = 0; n < device.sessions.most + 2; n++) {
			simulator.trouble = atCommand(3, { kind: 'says', lines: [given.no], isDone: false });
			await driver.setPort(shut, { native: 10 + n, tagged: [] }, signal).catch(() => undefined);
		}
		simulator.trouble = () => undefined;
		const others = Array.from({ length: device.sessions.most }, () => open());
		await driver.close();
		for (const other of others) await other.readPort(shut, signal);
		const fault = await t.throwsAsync(driver.readPort(shut, signal), { code: 'SwitchAway' });
		t.true(fault?.message.includes(device.sessions.refusal), fault?.message);
		await others[0]?.close();
		await driver.readPort(shut, signal);
		await driver.close();
		for (const other of others) await other.close();
	});

	test(`${name}: a switch that could not save says so`, async t => {
		const { simulator, driver } = await bench(t);
		simulator.trouble = command =>
			given.looks.test(command) ? undefined : { kind: 'says', lines: [given.notSaved], isDone: false };
		await t.throwsAsync(driver.save?.(signal) ?? Promise.resolve(), { code: 'SwitchRefused' });
		simulator.trouble = () => undefined;
		await driver.save?.(signal);
	});

	test(`${name}: reads through pages, and past what the switch writes by itself`, async t => {
		const { simulator, device, driver } = await bench(t);
		simulator.trouble = command =>
			command === given.unpaged ? { kind: 'says', lines: [given.no], isDone: false } : undefined;
		const wanted = { native: 10, tagged: [11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41] };
		await driver.setPort(shut, wanted, signal);
		simulator.log.push(
			'12-Mar-2026 10:00:00 %LINK-I-Up:  gi1/0/3',
			'%STP-W-PORTSTATUS: gi1/0/3: STP status Forwarding',
		);
		t.true(isSameState(await driver.readPort(shut, signal), wanted));
		await driver.setPort(shut, { native: 20, tagged: wanted.tagged }, signal);
		t.true(isSameState(device.carries(shut), { native: 20, tagged: wanted.tagged }));
	});
}
