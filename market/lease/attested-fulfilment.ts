import type { PassageView, VerifierClient } from '../../attest/client.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { HilClient } from '../../hil/client.ts';
import { marketErrors } from '../errors.ts';
import { DeliveryRefused, type Fulfilment, type Handover, type Standing } from './fulfilment.ts';

/** Milliseconds of one look at a passage, between two looks at those that end, and for how long one attempt waits for these. */
const [look, pace, patience] = [5000, 500, 120_000];
/** Seconds that the clocks of two services may differ by. */
const clockSkew = 60;

export interface AttestedFulfilmentDeps {
	/** Who gives nodes to projects that need not prove themselves. */
	readonly inner: Fulfilment;
	readonly hil: Pick<HilClient, 'node'>;
	readonly verifier: Pick<VerifierClient, 'passages' | 'passage' | 'pass' | 'cancelPassage' | 'admission'>;
	/** hil's project of nodes in the airlock; free ones may wait there. */
	readonly airlock: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Throws unless it is this process that hands over: see leadership.ts. Called right before each change. */
	readonly check: () => void;
}

/**
 * Hands servers over by passages of a service that attests: those that the lessee wants attested, and those that wait in the
 * airlock. When one of them is refused, none stays with the project.
 */
export function createAttestedFulfilment(deps: AttestedFulfilmentDeps): Fulfilment {
	const { inner, hil, verifier, airlock, clock, logger, check } = deps;

	/** @throws DeliveryRefused for those that are not there, or another project's: those that were refused are the rejected pool's */
	async function checkedOwners(handover: Handover): Promise<Map<string, string | null>> {
		const { project, servers } = handover;
		const owners = new Map<string, string | null>();
		for (const server of servers) {
			const { project: owner } = await hil.node(server).catch(fault => {
				throw isRefusal(fault, 'NotFoundError') ? new DeliveryRefused({ server }, fault) : fault;
			});
			owners.set(server, owner);
			if (owner === null || owner === project || owner === airlock) continue;
			const refused = await refusalOf(server, handover);
			if (refused) throw faultOf(refused);
			const taken = `Node ${server} is project ${owner}'s in hil: it has to release it.`;
			throw new DeliveryRefused({ server }, marketErrors.NodeTaken(taken));
		}
		return owners;
	}

	/** The passage that has come to nothing for this very lease, and after which nothing was done with the node. */
	async function refusalOf(
		server: string,
		{ project, attestation, since = 0 }: Handover,
	): Promise<PassageView | undefined> {
		if (attestation?.by !== 'provider') return undefined;
		const last = newestOf(await verifier.passages(true), server);
		const isOfLease = last?.project === project && last.askedAt >= (since - clockSkew) * 1000;
		return isOfLease && (last.state === 'rejecting' || last.state === 'rejected') ? last : undefined;
	}

	/** Passages of these nodes into the project that are not over. */
	const openOf = async ({ project, servers }: Handover): Promise<PassageView[]> =>
		(await verifier.passages()).filter(each => each.project === project && servers.includes(each.node));

	/** A passage of the node's: one that is under way, or a new one. */
	async function begin(node: string, handover: Handover): Promise<PassageView> {
		const { project, attestation } = handover;
		const wanted =
			attestation?.by === 'provider'
				? ({
						attestation: 'verifier',
						policy: attestation.policy,
						networks: attestation.networks,
						...(attestation.payload && { payload: true }),
					} as const)
				: ({ attestation: 'none', networks: [] } as const);
		const isWanted = (each: PassageView): boolean =>
			each.node === node && each.attestation === wanted.attestation;
		const found = (await openOf(handover)).find(isWanted);
		if (found) return found;
		check();
		return verifier.pass({ node, project, ...wanted }).catch(async fault => {
			if (!isRefusal(fault, 'NotThere', 'Forbidden', 'TooMany', 'PolicyRefused')) throw fault;
			// The node itself is there still: it is what the project has asked for that is not, or that it has too many.
			await checkedOwners(handover);
			throw new DeliveryRefused('project', fault);
		});
	}

	/** Resolves when the node is in. */
	async function bringIn(server: string, handover: Handover, signal: AbortSignal): Promise<void> {
		let now = await begin(server, handover);
		while (now.endedAt === null && now.state !== 'inside' && !signal.aborted)
			now = await verifier.passage(now.id, look, now.revision);
		if (now.state === 'inside') {
			const { project } = await hil.node(server);
			if (project === handover.project) return;
			throw marketErrors.NodeNotAttested(`Passage ${now.id} of node ${server} is one of an earlier lease.`);
		}
		throw (await payloadMissing(now)) ?? faultOf(now);
	}

	/** It has proven itself, and its project has not released what it is to have. */
	async function payloadMissing({
		id,
		node,
		stage,
		payload,
		admission,
	}: PassageView): Promise<DeliveryRefused | undefined> {
		if (!payload || stage !== 'evidence' || admission === null) return undefined;
		if ((await verifier.admission(admission)).state !== 'attested') return undefined;
		const why = `Node ${node} has proven itself in passage ${id}, and its project has released nothing to admission ${admission}.`;
		return new DeliveryRefused('project', marketErrors.NodeNotAttested(why));
	}

	/** Has those that are on their way go back, and waits until no node is. */
	async function endPassages(handover: Handover, signal: AbortSignal): Promise<void> {
		const until = clock.elapsed() + patience;
		for (;;) {
			const moving = (await openOf(handover)).filter(({ state }) => state !== 'inside');
			if (moving.length === 0) return;
			for (const { id, state } of moving) {
				if (state !== 'passing') continue;
				check();
				// One that is just going in comes out as any node of the project's.
				await verifier.cancelPassage(id).catch(fault => {
					if (!isRefusal(fault, 'PassageOver')) throw fault;
				});
			}
			await waitFor(moving, until, signal);
		}
	}

	/** Waits until passages of nodes that have left are noted as over: a node that came back sooner would be cut off by them. */
	async function seeThemEnd(handover: Handover, signal: AbortSignal): Promise<void> {
		const until = clock.elapsed() + patience;
		for (;;) {
			const left = await openOf(handover);
			if (left.length === 0) return;
			await waitFor(left, until, signal);
		}
	}

	async function waitFor([first]: readonly PassageView[], until: number, signal: AbortSignal): Promise<void> {
		if (clock.elapsed() > until)
			throw marketErrors.NodeNotAttested(`Passage ${first?.id} of node ${first?.node} is not over yet.`);
		await pause(clock, pace, signal);
	}

	const takeBack: Fulfilment['takeBack'] = async (handover, signal) => {
		let isAway = false;
		await endPassages(handover, signal).catch(async fault => {
			if (!isAbsent(fault)) throw fault;
			isAway = true;
			for (const server of handover.servers) {
				// It would be the project's again when it comes out.
				if ((await hil.node(server)).project === airlock) throw fault;
			}
			logger.warn({ err: fault, lease: handover.lease }, 'servers are taken back, and who attests is away');
		});
		await inner.takeBack(handover, signal);
		if (!isAway) await seeThemEnd(handover, signal);
	};

	return {
		async deliver(handover, signal) {
			const owners = await checkedOwners(handover);
			const isAttested = handover.attestation?.by === 'provider';
			const waits = [...owners].filter(([, owner]) => owner === airlock).map(([server]) => server);
			if (!isAttested && waits.length === 0) return inner.deliver(handover, signal);
			const all = await Promise.allSettled(
				(isAttested ? handover.servers : waits).map(server => bringIn(server, handover, signal)),
			);
			const faults = all.flatMap(each => (each.status === 'rejected' ? [each.reason] : []));
			const refusal = faults.find(fault => fault instanceof DeliveryRefused);
			if (refusal && !signal.aborted)
				await takeBack(handover, signal).catch(err =>
					logger.warn(
						{ err, lease: handover.lease },
						'servers stay with their project until their lease has failed',
					),
				);
			if (faults.length > 0) throw refusal ?? faults[0];
			if (!isAttested) await inner.deliver(handover, signal);
		},
		takeBack,
		async inspect(handovers) {
			const standings = new Map(await inner.inspect?.(handovers));
			const open = await verifier.passages();
			let all: readonly PassageView[] | undefined;
			for (const { project, servers } of handovers)
				for (const server of servers) {
					const now = open.find(({ node }) => node === server);
					if (now?.project === project && now.state === 'inside') continue;
					// On its way in again, or somebody else's by now: hil's word counts when that is over.
					if (now && now.state !== 'cutting') {
						standings.delete(server);
						continue;
					}
					all ??= await verifier.passages(true);
					const last = now ?? newestOf(all, server);
					if (last?.project === project && (last.state === 'cutting' || last.state === 'cut'))
						standings.set(server, lossOf(last));
				}
			return standings;
		},
	};
}

/** The passage of a node that was asked for last. */
const newestOf = (all: readonly PassageView[], server: string): PassageView | undefined =>
	all
		.filter(({ node }) => node === server)
		.reduce<PassageView | undefined>(
			(newest, each) => (newest && newest.askedAt >= each.askedAt ? newest : each),
			undefined,
		);

const lossOf = ({ id, code, reason }: PassageView): Standing => ({
	code: code ?? 'Cut',
	reason: `${reason ?? 'it is attested no longer'} (passage ${id})`.slice(0, 500),
});

/** Why a passage leads nowhere. */
function faultOf(passage: PassageView): Error {
	const { id, node, state, stage, code, reason, waits, trouble } = passage;
	const at = state === 'passing' ? `is still at ${stage}` : `is ${state}`;
	const why = reason ?? waits ?? trouble;
	const problem = marketErrors.NodeNotAttested(
		`Node ${node} ${at} in passage ${id}${code ? `: ${code}` : ''}${why ? `: ${why}` : ''}${standardText(passage)}.`,
	);
	const doing = doingOf(passage);
	return doing === undefined ? problem : new DeliveryRefused(doing, problem);
}

const standardText = ({ standard }: PassageView): string =>
	standard?.verdict === 'met'
		? ". It meets the site's own policy: it is the project's alone that refuses it"
		: standard?.verdict === 'missed'
			? ". It does not meet the site's own policy either"
			: '';

/** Whose doing it is that a passage leads nowhere, if it is anybody's. */
function doingOf({
	node: server,
	state,
	stage,
	code,
	standard,
}: PassageView): DeliveryRefused['doing'] | undefined {
	switch (state) {
		case 'rejecting':
		case 'rejected':
		case 'cutting':
		case 'cut':
			// Members of the project alone, and administrators, can withdraw what a node is admitted by.
			if (code === 'Withdrawn') return 'project';
			return standard === null ? { server } : byStandard(server, standard.verdict);
		case 'returning':
		case 'returned':
			return code === 'Cancelled' || code === 'PolicyRefused' ? 'project' : undefined;
		case 'passing':
			// It runs, and shows nothing that is good.
			return stage === 'evidence' ? { server } : undefined;
		case 'inside':
		case 'left':
			return undefined;
		default:
			return state satisfies never;
	}
}

/** Whose doing a refusal is, where the site has a policy of its own that the same evidence was held against. */
function byStandard(
	server: string,
	verdict: NonNullable<PassageView['standard']>['verdict'],
): DeliveryRefused['doing'] {
	switch (verdict) {
		case 'met':
			return 'policy';
		case 'missed':
			return { server };
		case 'untold':
			return 'nobody';
		default:
			return verdict satisfies never;
	}
}

const isRefusal = (fault: unknown, ...codes: readonly string[]): boolean =>
	fault instanceof BimetalError && codes.includes(fault.code);
/** Nobody answers, or nobody that can be believed. */
const isAbsent = (fault: unknown): boolean =>
	isRefusal(fault, 'AttestUnreachable', 'AttestNotTrusted', 'HilAway', 'NotLoggedIn', 'BadAnswer');
