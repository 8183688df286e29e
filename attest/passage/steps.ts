import type { Clock } from '../../common/clock.ts';
import type { Store } from '../../common/store/store.ts';
import type { Managed } from '../../hil/client.ts';
import { admissions } from '../model/admission.ts';
import type { NicNetwork, Passage, PassageCause } from '../model/passage.ts';
import { payloads } from '../model/payload.ts';
import { nextState } from '../verifier/next-state.ts';
import type { Notes, PassageEvent } from './journal.ts';
import { isCode, type NodeAtHil, type NodeNow } from './node-at-hil.ts';
import { type AirlockSettings, stageAfter } from './settings.ts';

export interface StepDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly hil: NodeAtHil;
	readonly settings: AirlockSettings;
}

/** What a step has come to, for the mover to write down. */
export type Next =
	| { readonly kind: 'event'; readonly event: PassageEvent }
	/** It comes to nothing, and nobody's evidence is to blame. */
	| { readonly kind: 'give-up'; readonly cause: PassageCause }
	/** It is to be on a network of the airlock's: one is kept for it. */
	| { readonly kind: 'reserve' }
	/** The node is where it can prove itself: an admission is asked for. */
	| { readonly kind: 'admit' }
	| { readonly kind: 'note'; readonly notes: Notes }
	/** Others are at it: to be looked at again after so many milliseconds. */
	| { readonly kind: 'wait'; readonly ms: number };

type Of<S extends Passage['state']> = Extract<Passage, { state: S }>;
/** One that is on its way out of where it is. */
type Leaving = Of<'cutting' | 'rejecting' | 'returning'>;

/** Milliseconds between two looks: at ports, at evidence, at what people or machines take their time for. */
const pace = { ports: 50, evidence: 250, others: 1000 };
/** Milliseconds after which a machine that was told to be off, and is not, is told again. */
const tellAgain = 30_000;
/** Faults after which a refused node that is on no network is left as it is, on or off. */
const mostPowerTries = 8;
/** Milliseconds for which a node must still be attested when it is let in. */
const margin = 1000;

const wait = (ms: number): Next => ({ kind: 'wait', ms });
const cause = (code: string, reason: string): Next => ({ kind: 'give-up', cause: { code, reason } });
const same = (a: NicNetwork, b: NicNetwork): boolean =>
	a.nic === b.nic && a.network === b.network && a.channel === b.channel;

/**
 * One step of a passage. Each looks at hil first and does what is missing, so that it can be taken again at any time, by
 * any process; none waits long, because what comes next may be to take the node off.
 */
export function createSteps({ store, clock, hil, settings }: StepDeps) {
	const { boot } = settings;
	/** When a machine was told to be off, in time elapsed; lost with the process, which then tells it again. */
	const told = new Map<string, number>();

	const after = (passage: Of<'passing'>): Next => ({
		kind: 'event',
		event: { kind: 'stage', stage: stageAfter(passage, passage.stage, settings) },
	});
	const changing = (id: string | null): Next =>
		id === null
			? wait(0)
			: { kind: 'note', notes: { waits: { kind: 'change', id, note: 'ports are being changed' } } };
	const managed = (asked: Managed): Next | undefined =>
		asked.waiting
			? { kind: 'note', notes: { waits: { kind: 'approval', id: asked.id, note: asked.message } } }
			: undefined;

	/** Off every network, also those that are just being put on; undefined when the switches say that it is. */
	async function clear(node: string, now: NodeNow): Promise<Next | undefined> {
		if (now.networks.length > 0) return changing(await hil.takeOff(node, now.networks));
		return now.isPending ? wait(pace.ports) : undefined;
	}

	/** Undefined when it is off. */
	async function powerOff(node: string): Promise<Next | undefined> {
		if (boot.by === 'hand' || (await hil.isPower(node, 'off'))) {
			told.delete(node);
			return undefined;
		}
		const last = told.get(node);
		if (last !== undefined && clock.elapsed() - last < tellAgain) return wait(pace.others);
		told.set(node, clock.elapsed());
		return managed(await hil.setPower(node, 'off')) ?? wait(pace.others);
	}

	const networksOf = ({ networks, project }: Passage) => ({ from: settings.project, to: project, networks });

	/** Whether the node is attested, and will be for the moment that it takes to let it in. */
	async function isGood({ admission, attestation }: Passage): Promise<boolean> {
		if (attestation === 'none') return true;
		const found = admission === null ? undefined : await store.read(tx => tx.get(admissions, admission));
		const now = clock.now();
		if (!found) return false;
		const current = nextState(found, { kind: 'time' }, now);
		return current.state === 'attested' && current.until - now >= margin;
	}

	async function take(passage: Of<'passing'>, now: NodeNow): Promise<Next> {
		const { node, origin } = passage;
		if (now.project !== settings.project && now.project !== origin)
			return cause('NodeElsewhere', `node ${node} belongs to ${now.project ?? 'nobody'} by now`);
		const clearing = await clear(node, now);
		if (clearing) return clearing;
		if (now.project !== settings.project)
			return changing(await hil.handOver(node, { from: origin, to: settings.project }));
		// What hil would refuse in the end, it refuses now: nobody waits for a boot that leads nowhere.
		await hil.tryHandOver(node, networksOf(passage));
		return after(passage);
	}

	async function enterAirlock(passage: Of<'passing'>, now: NodeNow): Promise<Next> {
		const { node, nic, airlock: network } = passage;
		if (network === null) return { kind: 'reserve' };
		const wanted = { nic, network, channel: 'vlan/native' };
		if (now.isPending) return wait(pace.ports);
		if (now.networks.length === 0) return changing(await hil.putOn(node, [wanted]));
		const [only] = now.networks;
		if (only && now.networks.length === 1 && same(only, wanted)) return { kind: 'admit' };
		return changing(await hil.takeOff(node, now.networks));
	}

	async function provision(id: string, passage: Of<'passing'>): Promise<Next> {
		if (boot.by !== 'provisioner') return after(passage);
		const { operation, disk, node, nic, airlock } = passage;
		const network = airlock ?? '';
		const booted =
			operation === null && disk === null
				? await boot.image.boot({ id, node, nic, network })
				: { operation, disk };
		const begun = booted.operation;
		const waits = begun === null ? null : { kind: 'operation' as const, id: begun, note: 'the provisioner' };
		if (disk === null || waits) return { kind: 'note', notes: { ...booted, waits } };
		return after(passage);
	}

	async function evidence(passage: Of<'passing'>): Promise<Next> {
		const { admission, awaitsPayload } = passage;
		if (!(await isGood(passage))) return wait(pace.evidence);
		const payload =
			awaitsPayload && admission !== null && (await store.read(tx => tx.get(payloads, admission)));
		if (payload === false || (payload && payload.deliveredAt !== null)) return after(passage);
		return wait(pace.evidence);
	}

	async function enter(passage: Of<'passing'>, now: NodeNow): Promise<Next> {
		const { node, project, networks, attestation, leaseEnd } = passage;
		if (now.isPending) return wait(pace.ports);
		if (now.project === settings.project && now.project !== project) {
			const clearing = await clear(node, now);
			if (clearing) return clearing;
			if (!(await isGood(passage))) return wait(pace.evidence);
			return changing(await hil.handOver(node, networksOf(passage)));
		}
		if (now.project !== project) return { kind: 'event', event: { kind: 'left' } };
		const missing = networks.filter(wanted => !now.networks.some(each => same(each, wanted)));
		if (missing.length > 0) return changing(await hil.putOn(node, missing));
		const lease = leaseEnd === null ? [] : (['lease'] as const);
		const attested = attestation === 'none' ? [] : (['attested'] as const);
		return { kind: 'event', event: { kind: 'inside', chores: [...lease, ...attested] } };
	}

	async function pass(id: string, passage: Of<'passing'>): Promise<Next> {
		const { node, stage } = passage;
		const now = await hil.look(node);
		if (!now) return cause('NodeGone', `hil does not know node ${node} any more`);
		const isIn = now.project === settings.project;
		if (stage !== 'take' && stage !== 'enter' && !isIn)
			return cause('NodeElsewhere', `node ${node} was taken out of the airlock`);
		switch (stage) {
			case 'take':
				return take(passage, now);
			case 'power-off':
				return (await powerOff(node)) ?? after(passage);
			case 'airlock':
				return enterAirlock(passage, now);
			case 'boot-device':
				if (boot.by !== 'device') return after(passage);
				return managed(await hil.setBootDevice(node, boot.device)) ?? after(passage);
			case 'power-on':
				if (await hil.isPower(node, 'on')) return after(passage);
				return managed(await hil.setPower(node, 'on')) ?? wait(pace.others);
			case 'provision':
				return provision(id, passage);
			case 'evidence':
				return evidence(passage);
			case 'part':
				return (await clear(node, now)) ?? after(passage);
			case 'enter':
				return enter(passage, now);
			default:
				return stage satisfies never;
		}
	}

	/** Off the networks, before anything else; then wherever it is to be. */
	async function leave(passage: Leaving): Promise<Next> {
		const { node, state, project, origin, operation } = passage;
		const off: Next = { kind: 'event', event: { kind: 'off' } };
		const now = await hil.look(node);
		const isOurs =
			now && (now.project === project || (state !== 'cutting' && now.project === settings.project));
		if (state === 'rejecting' && now?.project === settings.rejected) {
			// Nobody may put it on a network any more: whoever waits to hear of it need not wait for its BMC for ever.
			if (passage.attempts >= mostPowerTries) return off;
			const powering = await powerOff(node);
			if (powering) return powering;
			if (boot.by !== 'hand') await hil.endManagement(node);
			return off;
		}
		// What is another's by now is not ours to touch; hil has cleared it.
		if (!isOurs) return off;
		const clearing = await clear(node, now);
		if (clearing) return clearing;
		switch (state) {
			case 'cutting':
				return off;
			case 'rejecting':
				// In vain where the provisioner is away; hil gives nothing away that it puts on a network again.
				if (boot.by === 'provisioner' && operation !== null)
					await boot.image.cancel(operation).catch(() => undefined);
				return changing(await hil.handOver(node, { from: now.project, to: settings.rejected }));
			case 'returning': {
				if (boot.by === 'provisioner' && operation !== null) await boot.image.cancel(operation);
				if (now.project === origin) return (origin === settings.project && (await powerOff(node))) || off;
				if (origin !== null) return changing(await hil.handOver(node, { from: now.project, to: origin }));
				// Also off, and its boot device reset, before anybody else has it.
				await hil.release(now.project ?? settings.project, node);
				return wait(pace.others);
			}
			default:
				return state satisfies never;
		}
	}

	/** The provisioner's operation; who is on the way out waits for it no longer. */
	async function operating(passage: Passage, waits: NonNullable<Passage['waits']>): Promise<Next> {
		if (passage.state !== 'passing' || boot.by !== 'provisioner')
			return { kind: 'note', notes: { waits: null } };
		const note = await boot.image.stageOf(waits.id);
		if (note === null) return after(passage);
		return note === waits.note ? wait(pace.others) : { kind: 'note', notes: { waits: { ...waits, note } } };
	}

	/** What others do for it; undefined when that is over. */
	async function waited(passage: Passage): Promise<Next | undefined> {
		const { waits } = passage;
		if (waits === null) return undefined;
		if (waits.kind === 'operation') return operating(passage, waits);
		if (waits.kind === 'change')
			return (await hil.isChanged(waits.id)) ? { kind: 'note', notes: { waits: null } } : wait(pace.ports);
		const isApproved = await hil.isApproved(waits.id).catch((fault: unknown) => {
			// It is off every network, and nobody may put it on one: that it runs on is all that was not agreed to.
			if (passage.state === 'rejecting' && isCode(fault, 'NotApproved')) return null;
			throw fault;
		});
		if (isApproved === null) return { kind: 'event', event: { kind: 'off' } };
		if (!isApproved) return wait(2 * pace.others);
		if (passage.state === 'passing' && passage.stage === 'boot-device') return after(passage);
		return { kind: 'note', notes: { waits: null } };
	}

	return {
		async take(id: string, passage: Passage): Promise<Next | undefined> {
			const others = await waited(passage);
			if (others) return others;
			switch (passage.state) {
				case 'passing':
					return pass(id, passage);
				case 'cutting':
				case 'rejecting':
				case 'returning':
					return leave(passage);
				case 'inside':
				case 'cut':
				case 'rejected':
				case 'returned':
				case 'left':
					return undefined;
				default:
					return passage satisfies never;
			}
		},
		/** Whether a fault ends what waited, so that it is begun again: the switch has refused, a party, or nobody knows of it. */
		endsWaiting: (fault: unknown): boolean => isCode(fault, 'ChangeUndone', 'NotApproved', 'NotFoundError'),
	};
}
