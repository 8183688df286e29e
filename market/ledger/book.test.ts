// Random scripts, each call made several times and at once with others: the book is always sound.
import test from 'ava';
import fc from 'fast-check';
import type { Store } from '../../common/store/store.ts';
import { codeOf, temporaryStore } from '../store.fixture.ts';
import { accounts } from './account.ts';
import { checkBook } from './check-book.ts';
import { grantCredits, setCreditLine, transferCredits } from './credits.ts';
import { captureHold, holdCredits, holds, releaseHold } from './escrow.ts';
import type { Posted } from './post.ts';
import { transferId, transfers } from './transfer.ts';

const projects = ['red', 'blue', 'green'] as const;
const project = fc.constantFrom(...projects);
const amount = fc.bigInt({ min: -2n, max: 60n });
const cause = { kind: 'correction', of: '', note: '' } as const;
/** The n-th transfer: a hold, or not. */
const hold = fc.nat(20).map(n => transferId(n));

const call = fc.oneof(
	fc.record({ verb: fc.constant('grant' as const), project, amount }),
	fc.record({ verb: fc.constant('transfer' as const), from: project, to: project, amount }),
	fc.record({ verb: fc.constant('hold' as const), project, amount }),
	fc.record({ verb: fc.constant('capture' as const), hold, to: project, amount }),
	fc.record({ verb: fc.constant('release' as const), hold, amount: fc.option(amount, { nil: undefined }) }),
	fc.record({ verb: fc.constant('line' as const), project, amount }),
);
type Call = typeof call extends fc.Arbitrary<infer C> ? C : never;

function perform(store: Store, key: string, ask: Call): Promise<Posted | undefined> {
	return store.transact(async (tx): Promise<Posted | undefined> => {
		switch (ask.verb) {
			case 'grant':
				return grantCredits(tx, { key, cause, ...ask }, 0);
			case 'transfer':
				return transferCredits(tx, { key, cause, ...ask }, 0);
			case 'hold':
				return holdCredits(tx, { key, cause, ...ask }, 0);
			case 'capture':
				return captureHold(tx, { key, cause, ...ask }, 0);
			case 'release': {
				const { hold, amount } = ask;
				return releaseHold(tx, { key, cause, hold, ...(amount === undefined ? {} : { amount }) }, 0);
			}
			case 'line':
				await setCreditLine(tx, { project: ask.project, creditLine: ask.amount }, 0);
		}
	});
}

const refusals = new Set([
	'AmountRefused',
	'CreditsShort',
	'CreditLineInUse',
	'HoldTooSmall',
	'NoSuchAccount',
	'NoSuchHold',
	'TransferRefused',
]);

test('after any calls, repeated and at once, the book is sound and each key moved credits at most once', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.array(fc.tuple(call, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 6 }), {
				maxLength: 8,
			}),
			async rounds => {
				const { store, end } = await temporaryStore();
				try {
					for (const [round, calls] of rounds.entries()) {
						const answers = await Promise.all(
							calls.flatMap(([ask, times], n) =>
								Array.from({ length: times }, async () => {
									let posted: Posted | undefined;
									const code = await codeOf(
										perform(store, `${round}-${n}`, ask).then(result => {
											posted = result;
										}),
									);
									return { key: `${round}-${n}`, code, id: posted?.id };
								}),
							),
						);
						const byKey = new Map<string, string>();
						for (const { key, code, id } of answers) {
							t.true(code === undefined || refusals.has(code), code);
							if (id === undefined) continue;
							t.is(byKey.get(key) ?? id, id, 'the same key, the same transfer');
							byKey.set(key, id);
						}
						t.deepEqual(await store.read(checkBook), []);
					}
				} finally {
					await end();
				}
			},
		),
		{ numRuns: 25 },
	);
});

test('one call after the other, the balances are those of plain arithmetic', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(call, { maxLength: 30 }), async calls => {
			const { store, end } = await temporaryStore();
			try {
				const model = new Model();
				for (const [n, ask] of calls.entries()) {
					const code = await codeOf(perform(store, `k${n}`, ask));
					t.is(code === undefined, model.take(ask), `${ask.verb}: ${code}`);
				}
				const found = await store.read(tx => tx.list(accounts));
				for (const { id, document } of found) t.is(BigInt(document.balance), model.balance(id), id);
				t.is(await store.read(tx => tx.count(transfers)), model.moves);
				const open = await store.read(tx => tx.list(holds));
				for (const { id, document } of open) t.is(document.left, String(model.holds.get(id)?.left));
			} finally {
				await end();
			}
		}),
		{ numRuns: 25 },
	);
});

interface Held {
	readonly project: string;
	left: bigint;
}

/** The rules once more, in the plainest way. */
class Model {
	readonly holds = new Map<string, Held>();
	readonly #balances = new Map<string, bigint>();
	readonly #lines = new Map<string, bigint>();
	moves = 0;

	balance(account: string): bigint {
		return this.#balances.get(account) ?? 0n;
	}

	/** Whether it is taken. */
	take(ask: Call): boolean {
		switch (ask.verb) {
			case 'grant':
				return this.#move('mint', `project/${ask.project}`, ask.amount);
			case 'transfer':
				return ask.from !== ask.to && this.#move(`project/${ask.from}`, `project/${ask.to}`, ask.amount);
			case 'hold': {
				if (!this.#move(`project/${ask.project}`, `escrow/${ask.project}`, ask.amount)) return false;
				this.holds.set(transferId(this.moves), { project: ask.project, left: ask.amount });
				return true;
			}
			case 'capture': {
				const found = this.holds.get(ask.hold);
				if (!found || found.project === ask.to) return false;
				return this.#draw(found, `project/${ask.to}`, ask.amount);
			}
			case 'release': {
				const found = this.holds.get(ask.hold);
				return found !== undefined && this.#draw(found, `project/${found.project}`, ask.amount ?? found.left);
			}
			case 'line': {
				if (ask.amount < 0n || this.balance(`project/${ask.project}`) < -ask.amount) return false;
				this.#lines.set(`project/${ask.project}`, ask.amount);
				return true;
			}
		}
	}

	#draw(from: Held, to: string, amount: bigint): boolean {
		if (amount > from.left || !this.#move(`escrow/${from.project}`, to, amount)) return false;
		from.left -= amount;
		return true;
	}

	#move(from: string, to: string, amount: bigint): boolean {
		if (amount < 1n) return false;
		const left = this.balance(from) - amount;
		if (from !== 'mint' && left < -(this.#lines.get(from) ?? 0n)) return false;
		this.#balances.set(from, left);
		this.#balances.set(to, this.balance(to) + amount);
		this.moves++;
		return true;
	}
}
