import type { Clock } from '../../common/clock.ts';
import type { SecretBox } from '../../common/identity/secret-box.ts';
import type { ReadTransaction, Store, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { codeOf, type Judgement, qualifyingData } from '../judge/judge.ts';
import type { AwayJudge } from '../judge/judge-away.ts';
import { type Job, readPolicy, referencePolicy } from '../judge/stored-policies.ts';
import { type Admission, admissions, isOpen, type Keys, type OpenAdmission } from '../model/admission.ts';
import { digestOf, findBlob, keepBlob } from '../model/blob.ts';
import { recordId, records } from '../model/evidence-record.ts';
import { bytesOf } from '../model/names.ts';
import { readNodeKey } from '../payload/sealed-payload.ts';
import type { Policy } from '../policy/policy.ts';
import { type PcrBank, selectionText } from '../tpm/pcr-selection.ts';
import { apply, openAdmission } from './admissions.ts';
import { activeKeys, type KeysOfNodes } from './keys-of-nodes.ts';
import { straysKept } from './next-state.ts';
import type { Asked, Nonces } from './nonces.ts';
import { type DeliveredPayload, deliverPayload, forNode } from './payloads.ts';
import { thin, thinEvery } from './retention.ts';
import { eventOf, jobOf, type ShownEvidence } from './shown-evidence.ts';
import { standardOf, verdictOf, wantedBy } from './standard.ts';

export interface RoundsDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly random: () => number;
	readonly nonces: Nonces;
	readonly keysOfNodes: KeysOfNodes;
	readonly judge: AwayJudge['judge'];
	/** Keeps the verifier's parts of payloads' keys. */
	readonly box: SecretBox;
	/** Called when somebody may have to hear of something. */
	readonly onRevoked: () => void;
}

/** Milliseconds in which a nonce must be answered: slow TPMs take seconds, long lists as well. */
const answerWithin = 60_000;
/** Policies that are kept at hand. */
const mostKnown = 50;
/** Admissions that were asked about: two kilobytes each. */
const mostAsked = 20_000;

/** What a node is asked: flat, for a shell reads it. */
export interface Question {
	/** To be brought back with the answer. */
	readonly token: string;
	/** What the quote must carry, in hexadecimal: SHA-256 over nonce and node key. */
	readonly qualifying: string;
	/** As tpm2_quote takes it. */
	readonly selection: string;
	readonly bootLog: boolean;
	/** Of which entry on the IMA list is wanted, counted from 0; -1: not at all. */
	readonly imaFrom: number;
	/** Seconds in which to answer. */
	readonly within: number;
}

export interface Rounds {
	/** @throws NothingToAttest, KeysDiffer, RegistrarAway */
	ask(of: { node: string; registration: string; nodeKey: string }): Promise<Question>;
	/** @throws NonceOver, KeysDiffer, RegistrarAway, JudgeAway */
	take(answer: ShownEvidence): Promise<Round>;
}

/** What became of it. */
export interface Round {
	readonly id: string;
	readonly admission: Admission;
	/** Why this evidence was refused. */
	readonly refusal: string | null;
	/** Milliseconds after which the node is to ask again; null: not at all. */
	readonly next: number | null;
	/** Of a good round of a node that is attested, when it was asked for and is there. */
	readonly payload: DeliveredPayload | undefined;
	/** Those of the peers asked about that are attested now; of a good round of a node that is attested, when it has asked. */
	readonly peers: readonly string[] | undefined;
}

export function createRounds(deps: RoundsDeps): Rounds {
	const { store, clock, nonces, keysOfNodes } = deps;
	const known = new Map<string, { readonly text: string; readonly policy: Policy }>();
	/** As they were when they were asked about last: to judge by, not to decide by. */
	const lastAsked = new Map<string, OpenAdmission>();

	async function policyOf(digest: string) {
		const found = known.get(digest);
		if (found) return found;
		const text = (await store.read(tx => findBlob(tx, digest))).toString('utf8');
		const read = readPolicy(text);
		if (!read.ok) throw attestErrors.PolicyRefused(`${read.refusal.code}: ${read.refusal.reason}`);
		if (known.size >= mostKnown) known.clear();
		const both = { text, policy: read.value };
		known.set(digest, both);
		return both;
	}

	/** What a node is judged by now. */
	async function policiesOf(document: OpenAdmission): Promise<Policy[]> {
		const standard = standardOf(document);
		const own = document.policy === null ? referencePolicy : (await policyOf(document.policy)).policy;
		return standard === undefined ? [own] : [own, (await policyOf(standard)).policy];
	}

	async function keysFor(
		{ node, document }: { readonly node: string; readonly document: OpenAdmission },
		{ registration, nodeKey }: { readonly registration: string; readonly nodeKey: string },
	): Promise<Keys> {
		if (document.state === 'attested') {
			const { keys } = document;
			if (keys.registration === registration && keys.nodeKey === nodeKey) return keys;
			throw attestErrors.KeysDiffer(
				`Node ${node} was admitted with other keys: it needs a new admission, as after every boot.`,
			);
		}
		const { ek, ak, ekCertificate } = await activeKeys(keysOfNodes, { node, registration });
		return { registration, ek, ak, ekCertificate, nodeKey };
	}

	/** What an answer to a question is judged against; undefined when it is over, or another's question has been answered since. */
	async function askedAbout({ admission: id, after }: Asked): Promise<OpenAdmission | undefined> {
		const remembered = lastAsked.get(id);
		if (remembered && clockOf(remembered) === after) return remembered;
		const found = await store.read(tx => tx.get(admissions, id));
		return found && isOpen(found) ? found : undefined;
	}

	return {
		async ask({ node, registration, nodeKey }) {
			const now = clock.now();
			const found = await store.read(tx => openAdmission(tx, node, now));
			if (!found) throw nothing(node);
			const { id, document } = found;
			// One that it was admitted with has been looked at then.
			if (document.state === 'waiting' && !readNodeKey(bytesOf(nodeKey)))
				throw attestErrors.KeysDiffer('The node key is no public RSA key of 2048 bits or more in DER.');
			await keysFor({ node, document }, { registration, nodeKey });
			if (lastAsked.size >= mostAsked) lastAsked.clear();
			lastAsked.set(id, document);
			const { selection, bootLog, ima } = wantedBy(await policiesOf(document));
			const until = now + answerWithin;
			const { token, nonce } = nonces.make({
				...{ admission: id, node, until, after: clockOf(document) },
				keys: document.state === 'attested' ? null : { registration, nodeKey },
			});
			const before = document.state === 'attested' ? document.baseline : undefined;
			const isReference = document.policy === null;
			const isFirst = before === undefined;
			return {
				token,
				qualifying: qualifyingData(nonce, bytesOf(nodeKey)).toString('hex'),
				selection: selectionText(selection),
				bootLog: isFirst && (bootLog || isReference),
				imaFrom: ima || isReference ? (before?.ima?.entries ?? 0) : -1,
				within: answerWithin / 1000,
			};
		},

		async take(answer) {
			const read = nonces.read(answer.token);
			const now = clock.now();
			if (!read || read.asked.until <= now) throw nonceOver();
			const { admission: id, node } = read.asked;
			const document = await askedAbout(read.asked);
			if (!document || document.until <= now) throw nothing(node);
			if (clockOf(document) !== read.asked.after) throw nonceOver();
			const { keys: shown } = read.asked;
			const keys =
				document.state === 'attested' ? document.keys : shown && (await keysFor({ node, document }, shown));
			if (!keys) throw nonceOver();
			const before = document.state === 'attested' ? document.baseline : undefined;
			const { policy: digest } = document;
			const policy = digest === null ? null : { digest, text: (await policyOf(digest)).text };
			const standard = standardOf(document);
			const selection = standard === undefined ? undefined : wantedBy(await policiesOf(document)).selection;
			const judge = (by: Job['policy']) =>
				deps.judge(jobOf(by, keys, read.nonce, { before, selection }, answer));
			const judgement = await judge(policy);
			const isRefused = !judgement.ok && judgement.signed;
			const held =
				standard !== undefined && isRefused
					? { policy: standard, by: await judge({ digest: standard, text: (await policyOf(standard)).text }) }
					: undefined;
			const event = eventOf(document, keys, judgement, held && verdictOf(held.by));
			const { after, released, peers } = await store.transact(async tx => {
				const current = await tx.get(admissions, id);
				if (!current || !isOpen(current)) throw nothing(node);
				// Another answer was faster: this one was judged by what no longer holds.
				if (clockOf(current) !== read.asked.after) throw nonceOver();
				const now = clock.now();
				if (event.kind !== 'stray' || current.strays < straysKept) {
					const nonce = read.nonce.toString('hex');
					const of = { id, document: current, keys, nonce, answer, judgement, now };
					await keepRecord(tx, { ...of, selection, held });
				}
				const after = await apply(tx, id, event, now, current);
				// Not for the state alone: an attested node stays so when others' evidence is refused, and they get the answer.
				const isGood = event.kind === 'good' && after.state === 'attested';
				return {
					after,
					released: isGood && answer.wantsPayload ? await deliverPayload(tx, id, now) : undefined,
					peers:
						isGood && answer.peers !== undefined
							? await attestedAmong(tx, answer.peers, { project: after.project, now })
							: undefined,
				};
			});
			if (after.state === 'revoked') deps.onRevoked();
			return {
				id,
				admission: after,
				refusal: judgement.ok ? null : `${judgement.refusal.code}: ${judgement.refusal.reason}`,
				next: isOpen(after) ? Math.round(after.interval * (0.9 + 0.2 * deps.random())) : null,
				payload: released && forNode(released, { id, admission: after, box: deps.box }),
				peers,
			};
		},
	};
}

/** Nothing is said of another project's nodes, nor whether there are such. */
async function attestedAmong(
	tx: ReadTransaction,
	names: string,
	{ project, now }: { readonly project: string; readonly now: number },
): Promise<string[]> {
	const found: string[] = [];
	for (const name of new Set(names.split(' '))) {
		const document = (await openAdmission(tx, name, now))?.document;
		if (document?.state === 'attested' && document.project === project) found.push(name);
	}
	return found;
}

/** What the TPM's clock was in the last good quote: it only rises, so it tells one from all before and after. */
const clockOf = (document: OpenAdmission): string | null =>
	document.state === 'attested' ? document.baseline.clock : null;

const nothing = (node: string) =>
	attestErrors.NothingToAttest(`Nobody has asked for node ${node} to be admitted.`, { retryAfterSeconds: 5 });
const nonceOver = () => attestErrors.NonceOver('The nonce no longer counts: ask for another.');

/** Keeps the answer as it came; of what no TPM of this node has signed, not what was sent besides. */
async function keepRecord(
	tx: Transaction,
	of: {
		id: string;
		document: OpenAdmission;
		keys: Keys;
		nonce: string;
		answer: ShownEvidence;
		judgement: Judgement;
		selection: readonly PcrBank[] | undefined;
		/** What was judged by the site's own policy as well. */
		held: { readonly policy: string; readonly by: Judgement } | undefined;
		now: number;
	},
): Promise<void> {
	const { id, document, keys, nonce, answer, judgement, selection, held, now } = of;
	const signed = judgement.ok || judgement.signed;
	const blob = async (text: string | undefined) =>
		signed && text !== undefined ? keepBlob(tx, bytesOf(text)) : null;
	const { message, signature, pcrs } = answer;
	await tx.insert(records, recordId(id, document.records), {
		...{ admission: id, number: document.records, at: now },
		keys: await keepKeys(tx, document, keys),
		policy: document.policy,
		...(selection && { selection: selectionText(selection) }),
		...(held && { standard: { policy: held.policy, verdict: codeOf(held.by) } }),
		...{ nonce, message, signature, pcrs },
		bootLog: await blob(answer.bootLog),
		ima: await blob(answer.ima),
		verdict: judgement.ok ? 'accepted' : judgement.refusal.code,
		reason: judgement.ok ? null : judgement.refusal.reason,
		signed,
	});
	if (document.records % thinEvery === thinEvery - 1) await thin(tx, id, document.records);
}

/** Those of a node that is attested were kept in the round that admitted it, and are for as long as the admission. */
async function keepKeys(tx: Transaction, { state }: OpenAdmission, keys: Keys): Promise<string> {
	const text = JSON.stringify(keys);
	return state === 'attested' ? digestOf(text) : keepBlob(tx, text);
}
