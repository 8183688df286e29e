// The airlock with a real hil, a switch and machines in memory, and no TPM: what evidence comes to is said by the test.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { createEndings } from '../../common/endings.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createHilClient } from '../../hil/client.ts';
import type { PortState } from '../../hil/core/actions.ts';
import { type HilBench, startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm, type MemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import type { MockSwitch } from '../../hil/switches/mock.ts';
import { type AttestBench, startAttest } from '../attest.fixture.ts';
import type { Cause } from '../model/admission.ts';
import { keepBlob } from '../model/blob.ts';
import { passages } from '../model/passage.ts';
import { policies, policyId } from '../model/policy-record.ts';
import { apply } from '../verifier/admissions.ts';
import { createChores } from './chores.ts';
import { evidenceOf } from './evidence.fixture.ts';
import { createMover, type Mover } from './mover.ts';
import { createNodeAtHil } from './node-at-hil.ts';
import type { PassageView } from './passages.ts';
import { passageRoutes } from './routes.ts';
import type { Boot } from './settings.ts';
import { createSteps } from './steps.ts';

export interface AirlockBench {
	readonly hil: HilBench;
	readonly attest: AttestBench;
	readonly mover: Mover;
	readonly obm: MemoryObm;
	readonly tor: MockSwitch;
	/** VLANs of networks. */
	readonly vlans: Readonly<Record<'airlock' | 'rednet' | 'bluenet', number>>;
	/** All that the ports were set to, oldest first. */
	readonly sets: readonly { readonly port: string; readonly state: PortState }[];
	carried(port?: string): PortState;
	/** A passage of n1 into red and onto rednet. */
	ask(more?: object, who?: string): Promise<PassageView>;
	show(id: string): Promise<PassageView>;
	/** The id of the one that was asked for last, when there is one that is not over. */
	latest(): Promise<string>;
	/** Lets time pass until then; throws when it does not come to that. */
	until(what: (passage: PassageView) => boolean, id: string): Promise<PassageView>;
	/** Resolves when nothing is left to be done for one that is where it should be, and all was told. */
	done(id: string): Promise<void>;
	/** Whether hil does not answer. */
	away(isAway: boolean): void;
	/** What the verifier makes of the node's next evidence. */
	judge(admission: string | null, cause?: Cause): Promise<void>;
	/** hil's properties of n1. */
	properties(): Promise<Readonly<Record<string, unknown>>>;
	projectOf(node?: string): Promise<string | null>;
}

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
const nothing: PortState = { native: null, tagged: [] };
/** Milliseconds that pass at a time, and how often. */
const [tick, mostTicks] = [100, 3000];

/** Projects red (alice) and blue (bob), airlock and rejected; nodes n1 and n2 are free. */
export async function startAirlock(
	t: ExecutionContext,
	{
		boot = { by: 'device', device: 'pxe' },
		nic,
		networks = ['airlock'],
		marksUncleaned = false,
		policy = 'a policy',
	}: {
		boot?: Boot;
		nic?: string;
		networks?: readonly string[];
		marksUncleaned?: boolean;
		policy?: string;
	} = {},
): Promise<AirlockBench> {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm, marksUncleaned });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	for (const project of ['airlock', 'rejected', 'red', 'blue']) await hil.ok('PUT', `/v0/project/${project}`);
	const vlans = { airlock: 100, rednet: 101, bluenet: 102 };
	for (const [network, owner] of [
		['airlock', 'airlock'],
		['rednet', 'red'],
		['bluenet', 'blue'],
	] as const)
		await hil.ok('PUT', `/v0/network/${network}`, { owner, access: owner, net_id: '' });
	for (const node of ['n1', 'n2']) {
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: `https://p/bmc/${node}`, admin_token: '' } });
		for (const index of [0, 1]) {
			const port = `/v0/switch/tor/port/gi${node.slice(1)}/${index}`;
			const macaddr = `02:00:00:00:0${index}:0${node.slice(1)}`;
			await hil.ok('PUT', `/v0/node/${node}/nic/eth${index}`, { macaddr });
			await hil.ok('PUT', port);
			await hil.ok('POST', `${port}/connect_nic`, { node, nic: `eth${index}` });
		}
	}
	const tor = hil.mocks.at('tor');
	const sets: { port: string; state: PortState }[] = [];
	const set = tor.ports.set.bind(tor.ports);
	tor.ports.set = (port, state) => {
		sets.push({ port, state });
		return set(port, state);
	};

	const client = createHilClient({ url: hil.url, username: 'root', password: 'root', timeout: 10_000 });
	t.teardown(() => client.close());
	let isAway = false;
	const at = createNodeAtHil(
		new Proxy(client, {
			get(target, name, receiver) {
				if (isAway) throw new BimetalError('HilUnreachable', 'hil does not answer', { status: 502 });
				return Reflect.get(target, name, receiver);
			},
		}),
	);
	const settings = { project: 'airlock', networks, nic, rejected: 'rejected', boot };
	let mover: Mover | undefined;
	const attest = await startAttest(t, {
		push: ['127.0.0.0/8'],
		more(parts) {
			const { store, clock, onTold } = parts;
			const endings = createEndings(clock);
			t.teardown(() => endings.close());
			mover = createMover({
				...{ store, hil: at, settings, newId: randomUUID, clock, random: () => 0.5, logger: silentLogger },
				steps: createSteps({ store, clock, hil: at, settings }),
				chores: createChores({ store, hil: at, settings }),
				onChange(id) {
					endings.tell(id);
					onTold();
				},
			});
			return passageRoutes({ ...parts, hil: at, settings, endings, wake: () => mover?.wake() });
		},
	});
	const started = mover;
	if (!started) throw new Error('there is no mover');
	t.teardown(() => started.close());
	await attest.store.transact(async tx => {
		const digest = await keepBlob(tx, policy);
		const record = { project: 'red', name: 'default', digest, setAt: 1, setBy: 'alice' };
		await tx.put(policies, policyId('red', 'default'), record);
	});
	started.wake();
	attest.sweeper.wake();

	const show: AirlockBench['show'] = async id =>
		(await attest.ok('GET', `/verifier/v1/passages/${id}`, undefined, 'root')) as unknown as PassageView;
	return {
		...{ hil, attest, mover: started, obm, tor, vlans, sets, show },
		carried: (port = 'gi1/0') => tor.ports.get(port) ?? nothing,
		async ask(more = {}, who = 'alice') {
			const body = { node: 'n1', project: 'red', networks: [{ nic: 'eth0', network: 'rednet' }], ...more };
			return (await attest.ok('POST', '/verifier/v1/passages', body, who)) as unknown as PassageView;
		},
		async latest() {
			for (let looks = 0; looks < mostTicks; looks++) {
				const where = { index: 'open', equals: 'yes' };
				const open = await attest.store.read(tx => tx.list(passages, { where }));
				const [last] = open.sort((a, b) => b.document.askedAt - a.document.askedAt);
				if (last) return last.id;
				await pause(10);
			}
			throw new Error('nobody asks for a passage');
		},
		async until(what, id) {
			for (let ticks = 0; ticks < mostTicks; ticks++) {
				const now = await show(id);
				if (what(now)) return now;
				if (now.endedAt !== null) break;
				// hil's own waiting ends by its clock; nobody's lease runs out while something is under way.
				hil.clock.advance(tick);
				const isIdle = await Promise.race([started.idle().then(() => true), pause(20, false)]);
				if (isIdle) attest.clock.advance(tick);
			}
			throw new Error(`it does not come to that: ${JSON.stringify(await show(id))}`);
		},
		async done(id) {
			const chores = () => attest.store.read(async tx => (await tx.get(passages, id))?.chores ?? []);
			for (let ticks = 0; (await chores()).length > 0; ticks++) {
				if (ticks > mostTicks) throw new Error(`there is still to do: ${await chores()}`);
				await started.idle();
				attest.clock.advance(tick);
			}
			await attest.notifier.idle();
		},
		away(now) {
			isAway = now;
		},
		async judge(admission, cause) {
			const now = attest.clock.now();
			await attest.store.transact(tx => apply(tx, admission ?? '', evidenceOf(cause), now));
			started.wake();
		},
		async properties() {
			const { metadata } = await client.node('n1');
			return Object.fromEntries(Object.entries(metadata).map(([label, text]) => [label, JSON.parse(text)]));
		},
		projectOf: async (node = 'n1') => (await client.node(node)).project,
	};
}
