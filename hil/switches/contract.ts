import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PortState } from '../core/actions.ts';
import { nativelessTrunk } from '../model/switch-kind.ts';
import { describeState, isSameState, type Settings, type SwitchType } from './driver.ts';

/** A switch of a type, and two ports of it that nobody has set. */
export interface ContractSwitch {
	readonly type: SwitchType;
	readonly settings: Settings;
	readonly ports: readonly [string, string];
	/** A name that the switch has no port of. */
	readonly noPort: string;
	/** VLANs that can be on its ports; all from 1 to 4094 when absent. */
	isVlan?(vlan: number): boolean;
	/** Switches it off and on again: what it did not keep is lost, and connections end. */
	restart(): Promise<void>;
	close(): Promise<void>;
}

const nothing: PortState = { native: null, tagged: [] };

/** Those VLANs that can be on the switch's ports. */
const vlansOf = ({ isVlan = () => true }: ContractSwitch): number[] =>
	Array.from({ length: 4094 }, (_, index) => index + 1).filter(isVlan);

/** hil wants no tagged VLAN on a port without a native one where that cannot be. */
const isPossible = (state: PortState, { capabilities }: SwitchType): boolean =>
	state.native !== null || state.tagged.length === 0 || capabilities.includes(nativelessTrunk);

const statesOf = (of: ContractSwitch): readonly PortState[] => {
	const vlans = vlansOf(of);
	const all: PortState[] = [
		{ native: 10, tagged: [] },
		{ native: null, tagged: [11] },
		{ native: 10, tagged: [11, vlans.at(-1) ?? 12] },
		{ native: vlans[0] ?? 1, tagged: [] },
		{ native: 11, tagged: [10] },
		nothing,
	];
	return all.filter(state => isPossible(state, of.type));
};

/** What every driver does, whatever the switch: `npx ava hil/switches`. */
export function driverContract(
	test: (title: string, run: (t: ExecutionContext) => Promise<void>) => void,
	name: string,
	setUp: () => Promise<ContractSwitch>,
): void {
	const { signal } = new AbortController();

	test(`${name}: a port carries exactly what it was set to, whatever it carried before`, async t => {
		const contracted = await setUp();
		const { type, settings, ports, close } = contracted;
		t.teardown(close);
		const driver = type.open(settings);
		const [one, other] = ports;
		const states = statesOf(contracted);
		t.true(ports.every(port => type.isPortName(port)));
		t.deepEqual(await driver.readPort(one, signal), nothing);
		for (const before of states) {
			for (const wanted of states) {
				await driver.setPort(one, before, signal);
				await driver.setPort(one, wanted, signal);
				const state = await driver.readPort(one, signal);
				t.true(isSameState(state, wanted), `${describeState(before)} → ${describeState(wanted)}`);
				await driver.setPort(one, wanted, signal);
				t.deepEqual(await driver.readPort(one, signal), state, 'the same again');
				t.deepEqual(await driver.readPort(other, signal), nothing, 'the other port');
			}
		}
		await driver.close();
	});

	test(`${name}: another connection sees what the first one did`, async t => {
		const { type, settings, ports, close } = await setUp();
		t.teardown(close);
		const first = type.open(settings);
		await first.setPort(ports[0], { native: 7, tagged: [8] }, signal);
		await first.close();
		const second = type.open(settings);
		t.deepEqual(await second.readPort(ports[0], signal), { native: 7, tagged: [8] });
		await second.close();
	});

	test(`${name}: what was saved outlasts a restart of the switch`, async t => {
		const { type, settings, ports, restart, close } = await setUp();
		t.teardown(close);
		const wanted = { native: 7, tagged: [8, 9] };
		const driver = type.open(settings);
		await driver.setPort(ports[0], { native: 10, tagged: [] }, signal);
		await driver.setPort(ports[0], wanted, signal);
		await driver.save?.(signal);
		await driver.save?.(signal);
		await driver.close();
		await restart();
		const next = type.open(settings);
		t.deepEqual(await next.readPort(ports[0], signal), wanted);
		t.deepEqual(await next.readPort(ports[1], signal), nothing);
		await next.close();
	});

	test(`${name}: a port that is not there is refused; a call that was given up changes nothing`, async t => {
		const { type, settings, ports, noPort, close } = await setUp();
		t.teardown(close);
		const driver = type.open(settings);
		const change = driver.setPort(noPort, { native: 10, tagged: [] }, signal);
		t.is(((await t.throwsAsync(change)) as { code?: string } | undefined)?.code, 'SwitchRefused');
		const givenUp = AbortSignal.abort(new Error('given up'));
		await t.throwsAsync(driver.setPort(ports[0], { native: 10, tagged: [] }, givenUp));
		t.deepEqual(await driver.readPort(ports[0], signal), nothing);
		await driver.close();
	});

	test(`${name}: two ports set at random carry what each was set to last`, async t => {
		const contracted = await setUp();
		const { type, settings, ports, close } = contracted;
		t.teardown(close);
		const driver = type.open(settings);
		const aVlan = fc.constantFrom(...vlansOf(contracted));
		const aState = fc.record({
			native: fc.option(aVlan),
			tagged: fc.uniqueArray(aVlan, { maxLength: 4 }).map(list => list.sort((a, b) => a - b)),
		});
		const aStep = fc.tuple(
			fc.constantFrom(...ports),
			aState.filter(state => isPossible(state, type)),
		);
		const last = new Map<string, PortState>(ports.map(port => [port, nothing]));
		await fc.assert(
			fc.asyncProperty(fc.array(aStep, { maxLength: 5 }), async script => {
				for (const [port, state] of script) {
					const wanted = { ...state, tagged: state.tagged.filter(vlan => vlan !== state.native) };
					await driver.setPort(port, wanted, signal);
					last.set(port, wanted);
				}
				for (const [port, wanted] of last) {
					if (!isSameState(await driver.readPort(port, signal), wanted)) return false;
				}
				return true;
			}),
			{ numRuns: 25 },
		);
		await driver.close();
		t.pass();
	});
}
