import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import { durably } from '../record.ts';
import { missingFor } from './agreement.ts';
import type { Bundle } from './bundle.ts';
import {
	type ChangeDocument,
	type ChangeState,
	changes,
	digestChange,
	isChangeId,
	newChangeId,
	newNonce,
} from './change-document.ts';
import { governanceErrors } from './errors.ts';
import type { Candidate, Governor } from './governor.ts';
import { commonScope, manifestId, manifestPurpose } from './manifest.ts';
import { verifyText } from './signing-key.ts';
import { manifestName, signatureName } from './snapshot.ts';
import { readSignatures } from './verify.ts';

export interface ChangesDeps {
	readonly governor: Governor;
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	/** Milliseconds that a change waits. */
	readonly expireAfter: number;
	/** True while the operator is in the roster, under this party and not disabled. */
	readonly isActive: (operator: Operator) => boolean;
	/** After each step. */
	readonly onChange: (change: ChangeDocument) => void;
}

export interface Approval {
	readonly digest: string;
	readonly comment: string | null;
	/** The party's signature over the manifest, base64; absent when the bundle has it. */
	readonly signature: string | null;
}

/** Changes of the table and the agreement: requests under P²C, executed by being taken into force. */
export interface Changes {
	propose(bundle: Bundle, operator: Operator, comment: string | null): Promise<ChangeDocument>;
	approve(id: string, operator: Operator, approval: Approval): Promise<ChangeDocument>;
	deny(id: string, operator: Operator, reason: string): Promise<ChangeDocument>;
	withdraw(id: string, operator: Operator, reason: string | null): Promise<ChangeDocument>;
	get(id: string): Promise<ChangeDocument>;
	/** Newest first. */
	list(state?: ChangeState): Promise<ChangeDocument[]>;
	/** Ends what has waited too long. */
	expire(): Promise<void>;
}

export function createChanges(deps: ChangesDeps): Changes {
	const { governor, store, audit, clock } = deps;
	let tail: Promise<unknown> = Promise.resolve();
	const serially = <R>(work: () => Promise<R>): Promise<R> => {
		const mine = tail.then(work, work);
		tail = mine.catch(() => undefined);
		return mine;
	};

	const load = async (id: string): Promise<ChangeDocument> => {
		const found = isChangeId(id) ? await store.read(tx => tx.get(changes, id)) : undefined;
		if (!found) throw governanceErrors.NoSuchChange(`there is no change ${id}`);
		return found.state === 'waiting' && found.expiresAt <= clock.now() ? expireOne(found) : found;
	};
	const put = async (change: ChangeDocument): Promise<ChangeDocument> => {
		await store.transact(tx => tx.put(changes, change.id, change));
		deps.onChange(change);
		return change;
	};
	const end = (
		change: ChangeDocument,
		state: 'denied' | 'withdrawn' | 'expired',
		by: Operator | null,
		reason: string,
	): Promise<ChangeDocument> =>
		put({
			...change,
			state,
			needs: [],
			ended: { by: by && { name: by.name, party: by.party }, reason, at: clock.now() },
		});
	const expireOne = async (change: ChangeDocument): Promise<ChangeDocument> => {
		await record(change, 'expire', null, null, null);
		return end(change, 'expired', null, 'not approved in time');
	};
	const record = (
		change: ChangeDocument,
		action: 'propose' | 'approve' | 'deny' | 'withdraw' | 'expire',
		operator: Operator | null,
		comment: string | null,
		signature: string | null,
	) =>
		durably(
			audit.append({
				kind: 'governance',
				action,
				change: change.id,
				scopes: [change.bundle.scope],
				operator: operator?.name ?? null,
				party: operator?.party ?? null,
				replaces: change.replaces,
				version: change.manifest,
				digest: change.digest,
				signature,
				comment,
			}),
		);

	/** Parties that have both approved, by somebody who is an operator still, and signed. */
	const haveAgreed = ({ bundle, authorizations }: ChangeDocument): Set<string> => {
		const text = bundle.files[manifestName(commonScope)] ?? '';
		const { parties } = governor.inForce().agreement;
		const approved = authorizations.filter(deps.isActive).map(({ party }) => party);
		return new Set(
			approved.filter(party => {
				const signatures = bundle.files[signatureName(commonScope, party)];
				const key = parties[party]?.signingKey;
				return signatures !== undefined && key !== undefined && hasSigned(signatures, text, key);
			}),
		);
	};
	const needsOf = (change: ChangeDocument): string[][] =>
		missingFor(governor.inForce().agreement, haveAgreed(change)).map(parties => [...parties]);

	/** Once nobody is missing it comes into force, and is marked so in the same moment. */
	const settle = async (change: ChangeDocument, candidate: Candidate): Promise<ChangeDocument> => {
		const needs = needsOf(change);
		if (needs.length > 0) return put({ ...change, needs });
		let taken = change;
		await governor.take(candidate, {
			by: change.proposer,
			change: change.id,
			scopes: [commonScope],
			also: async (tx: Transaction, { id }) => {
				taken = { ...change, state: 'taken', needs: [], version: id };
				await tx.put(changes, change.id, taken);
			},
		});
		deps.onChange(taken);
		return taken;
	};

	const propose: Changes['propose'] = async (bundle, operator, comment) => {
		const waiting = await store.read(tx => tx.count(changes, { index: 'state', equals: 'waiting' }));
		if (waiting >= mostWaiting)
			throw proxyErrors.TooManyWaiting(`${mostWaiting} changes wait already; deny or withdraw some`);
		const candidate = await governor.check(bundle, { collecting: true });
		const manifest = manifestId(bundle.files[manifestName(commonScope)] ?? '');
		const replaces = governor.inForce().id;
		const now = clock.now();
		const nonce = newNonce();
		const change: ChangeDocument = {
			id: newChangeId(now),
			state: 'waiting',
			bundle,
			manifest,
			replaces,
			digest: digestChange({ manifest, replaces, nonce }),
			nonce,
			proposer: { name: operator.name, party: operator.party },
			comment,
			createdAt: now,
			expiresAt: now + deps.expireAfter,
			authorizations: [{ name: operator.name, party: operator.party, at: now, comment }],
			needs: [],
			ended: null,
			version: null,
		};
		if (!hasPartySigned(change, operator.party)) {
			throw governanceErrors.SignatureInvalid(
				`${operator.party} has not signed what ${operator.name} proposes: bimetal agreement sign FOLDER --party ${operator.party} --key FILE`,
			);
		}
		await record(
			change,
			'propose',
			operator,
			comment,
			bundle.files[signatureName(commonScope, operator.party)]?.trim() ?? null,
		);
		if (needsOf(change).length > 0) return put({ ...change, needs: needsOf(change) });
		// Complete as it stands: the whole set of signatures is checked, as for what comes by the folder.
		return settle(change, { ...candidate, ...(await governor.check(bundle)) });
	};

	const hasPartySigned = (change: ChangeDocument, party: string): boolean => {
		const text = change.bundle.files[manifestName(commonScope)] ?? '';
		const signatures = change.bundle.files[signatureName(commonScope, party)];
		const key = governor.inForce().agreement.parties[party]?.signingKey;
		return signatures !== undefined && key !== undefined && hasSigned(signatures, text, key);
	};

	const approve: Changes['approve'] = async (id, operator, { digest, comment, signature }) => {
		const change = await load(id);
		if (change.state !== 'waiting') throw notWaiting(change);
		if (change.digest !== digest)
			throw proxyErrors.DigestMismatch(`the approval names another change than ${id} is; look at it again`);
		if (change.replaces !== governor.inForce().id)
			return end(
				change,
				'denied',
				null,
				'another version came into force meanwhile; propose it again from that',
			);
		const agreement = governor.inForce().agreement;
		if (!agreement.parties[operator.party])
			throw proxyErrors.NotNeeded(`${operator.party} is no party of the agreement`);
		if (haveAgreed(change).has(operator.party))
			throw proxyErrors.AlreadyAuthorized(`${operator.party} has approved ${id} already`);
		const signed = addSignature(
			change,
			operator.party,
			signature,
			agreement.parties[operator.party]?.signingKey ?? '',
		);
		const next: ChangeDocument = {
			...signed,
			authorizations: [
				...change.authorizations,
				{ name: operator.name, party: operator.party, at: clock.now(), comment },
			],
		};
		await record(change, 'approve', operator, comment, signature);
		if (needsOf(next).length > 0) return put({ ...next, needs: needsOf(next) });
		try {
			return await settle(next, await governor.check(next.bundle));
		} catch (fault) {
			if (!(fault instanceof BimetalError) || fault.code !== 'PolicyConflict') throw fault;
			return end(next, 'denied', null, fault.message);
		}
	};

	return {
		propose: (bundle, operator, comment) => serially(() => propose(bundle, operator, comment)),
		approve: (id, operator, approval) => serially(() => approve(id, operator, approval)),
		deny: (id, operator, reason) =>
			serially(async () => {
				const change = await load(id);
				if (change.state !== 'waiting') throw notWaiting(change);
				await record(change, 'deny', operator, reason, null);
				return end(change, 'denied', operator, reason);
			}),
		withdraw: (id, operator, reason) =>
			serially(async () => {
				const change = await load(id);
				if (change.proposer.name !== operator.name)
					throw proxyErrors.NotYours('only who proposed a change can withdraw it; deny it instead');
				if (change.state !== 'waiting') throw notWaiting(change);
				await record(change, 'withdraw', operator, reason, null);
				return end(change, 'withdrawn', operator, reason ?? 'by its proposer');
			}),
		get: load,
		async list(state) {
			const found = await store.read(tx =>
				tx.list(changes, state ? { where: { index: 'state', equals: state } } : {}),
			);
			return found.map(({ document }) => document).reverse();
		},
		expire: () =>
			serially(async () => {
				const waiting = { where: { index: 'state', equals: 'waiting' } };
				const found = await store.read(tx => tx.list(changes, waiting));
				for (const { document } of found) {
					if (document.expiresAt <= clock.now()) await expireOne(document);
				}
			}),
	};
}

const mostWaiting = 100;

const notWaiting = ({ id, state }: ChangeDocument) =>
	governanceErrors.ChangeNotWaiting(`change ${id} is ${state}, it no longer waits`);

/** Whether one of the lines is this key's; the other may be of the key that it brings. */
function hasSigned(signatures: string, text: string, key: string): boolean {
	return signatures.split('\n').some(line => verifyText(key, manifestPurpose, text, line));
}

/** The change with a signature that came with an approval; throws SignatureInvalid when there is none, or a bad one. */
function addSignature(
	change: ChangeDocument,
	party: string,
	signature: string | null,
	key: string,
): ChangeDocument {
	const name = signatureName(commonScope, party);
	const text = change.bundle.files[manifestName(commonScope)] ?? '';
	const before = change.bundle.files[name];
	if (before !== undefined && hasSigned(before, text, key)) return change;
	if (signature === null)
		throw governanceErrors.SignatureInvalid(
			`${party}’s approval takes its signature: bimetal policy approve ${change.id} --signing-key FILE`,
		);
	const after = `${signature}\n${before ?? ''}`;
	if (
		!verifyText(key, manifestPurpose, text, signature) ||
		(before === undefined && !readSignatures(after, text, [key]))
	)
		throw governanceErrors.SignatureInvalid(
			`this is not the signature of ${party}’s key over change ${change.id}`,
		);
	return { ...change, bundle: { ...change.bundle, files: { ...change.bundle.files, [name]: after } } };
}
