// docs/lifecycle.md as a model: whatever operators, clock, policies and BMC do, a request goes only where the
// diagram lets it go, and what is sent was authorized, once, as it was stored.
import test from 'ava';
import fc from 'fast-check';
import { activate } from '../decide/consider.ts';
import { bmcNoAnswer, bmcUnreachable } from '../forward/bmc-fault.ts';
import type { Operator } from '../operator.ts';
import { type Bench, codeOf, createBench, everybody, policySet, resetPath } from './approve.fixture.ts';
import type { RequestDocument } from './request-document.ts';

type State = RequestDocument['state'];

/** The diagram. `executing` → `executing` notes that it is being sent from now on. */
const edges: Readonly<Record<State, readonly State[]>> = {
	waiting: ['waiting', 'executing', 'denied', 'withdrawn', 'expired'],
	approved: [], // of consoles only: test/proxy/consoles.test.ts
	executing: ['executing', 'executed', 'failed', 'unknown'],
	executed: [],
	denied: [],
	withdrawn: [],
	expired: [],
	failed: [],
	unknown: [],
};

const needed: Readonly<Record<string, readonly string[]>> = {
	[resetPath]: ['CP', 'HSO'],
	'/redfish/v1/Guarded': ['CP', 'HSO'],
	'/redfish/v1/Three': ['CP', 'HSO', 'SI'],
};
const expireAfter = 1000;

/** What must be so, as far as one can say without knowing how it is done. */
interface Model {
	readonly requests: {
		id: string;
		digest: string;
		operator: Operator;
		path: string;
		state: State;
		version: string;
		expiresAt: number;
		parties: Map<string, Operator>;
	}[];
	now: number;
	version: string;
	open: boolean;
	readonly gone: Set<string>;
	bmc: 'answers' | 'unreachable' | 'silent' | 'crash';
}
type Command = fc.AsyncCommand<Model, Bench>;

const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];
const operatorAt = (n: number): Operator => pick(everybody, n) as Operator;

function command(
	text: string,
	run: (model: Model, bench: Bench) => Promise<void>,
	check: (model: Model) => boolean = () => true,
): Command {
	return { toString: () => text, check, run };
}

const expireDue = (model: Model): void => {
	for (const request of model.requests) {
		if (request.state === 'waiting' && request.expiresAt <= model.now) request.state = 'expired';
	}
};

const hold = (who: number, path: string): Command =>
	command(
		`${operatorAt(who).name} asks for ${path}`,
		async (model, bench) => {
			const operator = operatorAt(who);
			const { id, digest, expiresAt } = await bench.hold(operator, path);
			const parties = new Map([[operator.party, operator]]);
			const { version } = model;
			model.requests.push({ id, digest, operator, path, state: 'waiting', version, expiresAt, parties });
		},
		model => !model.gone.has(operatorAt(who).name) && (model.open || !path.endsWith('Guarded')),
	);

const approve = (who: number, which: number, isRight: boolean): Command =>
	command(
		`${operatorAt(who).name} approves ${which}${isRight ? '' : ' by a wrong digest'}`,
		async (model, bench) => {
			const request = pick(model.requests, which);
			if (!request) return;
			const operator = operatorAt(who);
			const sentBefore = bench.bmc.sent.length;
			await codeOf(bench.approver.approve(request.id, operator, isRight ? request.digest : 'x', null));
			bench.store.beforeCommit = undefined;

			if (request.state === 'waiting' && request.expiresAt <= model.now) expireDue(model);
			const standing = [...request.parties]
				.filter(([, by]) => !model.gone.has(by.name))
				.map(([party]) => party);
			const wanted = needed[request.path] ?? [];
			const counts =
				request.state === 'waiting' &&
				isRight &&
				!standing.includes(operator.party) &&
				wanted.includes(operator.party);
			let sent = 0;
			if (counts && (model.version !== request.version || model.gone.has(request.operator.name))) {
				request.state = 'denied';
			} else if (counts && request.path.endsWith('Guarded') && !model.open) request.state = 'denied';
			else if (counts) {
				request.parties.set(operator.party, operator);
				if (wanted.every(party => party === operator.party || standing.includes(party))) {
					sent = 1;
					request.state = {
						answers: 'executed',
						unreachable: 'failed',
						silent: 'unknown',
						crash: 'executing',
					}[model.bmc] as State;
				}
			}
			if (bench.bmc.sent.length - sentBefore !== sent) {
				throw new Error(`sent ${bench.bmc.sent.length - sentBefore} times instead of ${sent}`);
			}
		},
		model => model.requests.length > 0 && !model.gone.has(operatorAt(who).name),
	);

const end = (who: number, which: number, how: 'deny' | 'withdraw'): Command =>
	command(
		`${operatorAt(who).name} ${how}s ${which}`,
		async (model, bench) => {
			const request = pick(model.requests, which);
			if (!request) return;
			const operator = operatorAt(who);
			await codeOf(bench.approver[how](request.id, operator, 'a reason'));
			if (request.state === 'waiting' && request.expiresAt <= model.now) expireDue(model);
			if (request.state !== 'waiting') return;
			const hasSay = [...(needed[request.path] ?? []), request.operator.party].includes(operator.party);
			if (how === 'deny' && hasSay) request.state = 'denied';
			if (how === 'withdraw' && operator.name === request.operator.name) request.state = 'withdrawn';
		},
		model => model.requests.length > 0 && !model.gone.has(operatorAt(who).name),
	);

const commands = [
	fc.tuple(fc.nat(4), fc.constantFrom(...Object.keys(needed))).map(([who, path]) => hold(who, path)),
	fc.tuple(fc.nat(4), fc.nat(5)).map(([who, which]) => approve(who, which, true)),
	fc.tuple(fc.nat(4), fc.nat(5)).map(([who, which]) => approve(who, which, true)),
	fc.tuple(fc.nat(4), fc.nat(5)).map(([who, which]) => approve(who, which, false)),
	fc
		.tuple(fc.nat(4), fc.nat(5), fc.constantFrom('deny' as const, 'withdraw' as const))
		.map(([who, which, how]) => end(who, which, how)),
	fc.constantFrom(1, 400, 1000).map(ms =>
		command(`${ms} ms pass`, async (model, bench) => {
			model.now += ms;
			bench.clock.advance(ms);
		}),
	),
	fc.constantFrom('one', 'two').map(version =>
		command(`policies ${version} are in force`, async (model, bench) => {
			model.version = version;
			bench.world.policies = activate(policySet(version));
		}),
	),
	fc.boolean().map(open =>
		command(open ? 'the guard opens' : 'the guard closes', async (model, bench) => {
			model.open = open;
			bench.world.open = open;
		}),
	),
	fc.tuple(fc.nat(4), fc.boolean()).map(([who, isGone]) =>
		command(`${operatorAt(who).name} ${isGone ? 'leaves' : 'is there'}`, async (model, bench) => {
			for (const set of [model.gone, bench.world.gone]) {
				if (isGone) set.add(operatorAt(who).name);
				else set.delete(operatorAt(who).name);
			}
		}),
	),
	fc.constantFrom<Model['bmc']>('answers', 'unreachable', 'silent', 'crash').map(mode =>
		command(`the BMC: ${mode}`, async (model, { bmc, store, world }) => {
			model.bmc = mode;
			bmc.answer = async () => {
				if (mode === 'unreachable') throw bmcUnreachable('node1', 'refused');
				if (mode === 'silent') throw bmcNoAnswer('node1', 'too long');
				if (mode === 'crash') {
					world.dead = true;
					store.beforeCommit = () => {
						throw new Error('the proxy is dead');
					};
				}
				return { status: 200, headers: {}, body: Buffer.from('{}') };
			};
		}),
	),
	fc.constant(
		command('the proxy starts again', async (model, bench) => {
			await bench.restart().recover();
			await bench.waiting.expire();
			expireDue(model);
			for (const request of model.requests) if (request.state === 'executing') request.state = 'unknown';
		}),
	),
];

test('whatever happens, requests go the ways of the diagram, and what is sent was authorized once', async t => {
	await fc.assert(
		fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async run => {
			const bench = createBench({ expireAfter });
			const model: Model = {
				requests: [],
				now: bench.clock.now(),
				version: 'one',
				open: true,
				gone: new Set(),
				bmc: 'answers',
			};
			await fc.asyncModelRun(() => ({ model, real: bench }), run);
			for (const { id, state } of model.requests) t.is((await bench.waiting.get(id))?.state, state);
			checkHistory(bench);
		}),
		{ numRuns: 300 },
	);
	t.pass();
});

/** Every state of every request that was ever on disk. */
function checkHistory({ store, bmc, records }: Bench): void {
	const before = new Map<string, RequestDocument>();
	for (const { id, document } of store.committed) {
		const now = document as RequestDocument;
		const then = before.get(id);
		if (then && !edges[then.state].includes(now.state)) throw new Error(`${then.state} → ${now.state}`);
		if (then && !isSameRequest(then, now)) throw new Error('what was stored has changed');
		before.set(id, now);
	}
	const ids = bmc.sent.map(({ request }) => request?.id);
	if (new Set(ids).size !== ids.length) throw new Error('one request was sent twice');
	const decided = records.flatMap(record => (record.kind === 'decision' ? [record] : []));
	for (const { call, request } of bmc.sent) {
		if (!request || Buffer.compare(Buffer.from(call.request.bytes ?? []), bytesOf(request)) !== 0) {
			throw new Error('something else was sent than what was stored');
		}
		if (typeof request.sentAt !== 'number') throw new Error('it was sent before that was on disk');
		const record = decided.filter(({ requestId }) => requestId === request.id);
		if (record.length !== 1 || record[0]?.verdict !== 'execute' || record[0].digest !== request.digest) {
			throw new Error('it is not on the record');
		}
	}
}

const bytesOf = ({ request }: RequestDocument): Buffer => Buffer.from(request.bytes ?? '', 'base64');

const isSameRequest = (a: RequestDocument, b: RequestDocument): boolean => {
	const fixed = ({
		id,
		bmc,
		request,
		prefix,
		digest,
		nonce,
		policyVersion,
		operations,
		requester,
	}: RequestDocument) =>
		JSON.stringify([id, bmc, request, prefix, digest, nonce, policyVersion, operations, requester]);
	return fixed(a) === fixed(b) && a.createdAt === b.createdAt && a.expiresAt === b.expiresAt;
};
