import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { defineCollection, type Store, type Transaction } from './store.ts';

const noteSchema = z.strictObject({ text: z.string(), colour: z.string().optional(), n: z.number() });
export type Note = z.infer<typeof noteSchema>;
export const notes = defineCollection<Note>('notes', noteSchema, { colour: note => note.colour });
const note = (n: number, colour?: string): Note => ({ text: `note ${n}`, n, ...(colour && { colour }) });
const counters = defineCollection('counters', z.strictObject({ n: z.int() }));

/**
 * What every engine must do, whatever it is made of. `open` opens the same store each time for the same folder. `isShared`:
 * several have it open at once.
 */
export function storeContract(
	test: TestFn,
	engine: string,
	open: (folder: string) => Promise<Store>,
	{ isShared = false }: { readonly isShared?: boolean } = {},
): void {
	const withStore = (
		title: string,
		body: (t: ExecutionContext, store: Store, folder: string) => Promise<void>,
	) =>
		test(`${engine}: ${title}`, async t => {
			const folder = await mkdtemp(join(tmpdir(), 'bimetal-store-'));
			const store = await open(folder);
			try {
				await body(t, store, folder);
			} finally {
				await store.close();
				await rm(folder, { recursive: true });
			}
		});

	withStore('what was put is found, replaced and deleted', async (t, store) => {
		await store.transact(tx => tx.put(notes, 'a', note(1)));
		t.deepEqual(await store.read(tx => tx.get(notes, 'a')), note(1));
		await store.transact(tx => tx.put(notes, 'a', note(2)));
		t.deepEqual(await store.read(tx => tx.get(notes, 'a')), note(2));
		t.true(await store.transact(tx => tx.delete(notes, 'a')));
		t.false(await store.transact(tx => tx.delete(notes, 'a')));
		t.is(await store.read(tx => tx.get(notes, 'a')), undefined);
	});

	withStore('insert refuses a taken id and the transaction can go on', async (t, store) => {
		await store.transact(async tx => {
			await tx.insert(notes, 'a', note(1));
			await t.throwsAsync(tx.insert(notes, 'a', note(2)), { code: 'StoreConflict' });
			await tx.insert(notes, 'b', note(3));
		});
		t.deepEqual(await store.read(tx => tx.list(notes)), [
			{ id: 'a', document: note(1) },
			{ id: 'b', document: note(3) },
		]);
		await t.throwsAsync(
			store.transact(tx => tx.insert(notes, 'a', note(4))),
			{ code: 'StoreConflict' },
		);
	});

	withStore(
		'a transaction sees its own writes, and nobody else does before it has ended',
		async (t, store) => {
			await store.transact(tx => tx.put(notes, 'old', note(0, 'red')));
			let outside: Promise<number> | undefined;
			await store
				.transact(async tx => {
					await tx.put(notes, 'a', note(1, 'red'));
					await tx.delete(notes, 'old');
					outside = store.read(other => other.count(notes));
					t.deepEqual(await tx.get(notes, 'a'), note(1, 'red'));
					t.is(await tx.get(notes, 'old'), undefined);
					t.deepEqual(await tx.list(notes, { where: { index: 'colour', equals: 'red' } }), [
						{ id: 'a', document: note(1, 'red') },
					]);
					t.is(await tx.count(notes), 1);
					throw new Error('changed my mind');
				})
				.catch(() => {});
			t.is(await outside, 1);
			t.deepEqual(await store.read(tx => tx.list(notes)), [{ id: 'old', document: note(0, 'red') }]);
		},
	);

	withStore('a transaction that throws leaves nothing, those beside it stay', async (t, store) => {
		const outcomes = await Promise.allSettled([
			store.transact(tx => tx.put(notes, 'a', note(1, 'red'))),
			store.transact(async tx => {
				await tx.put(notes, 'b', note(2, 'red'));
				await tx.delete(notes, 'a');
				throw new RangeError('no');
			}),
			store.transact(tx => tx.put(notes, 'c', note(3, 'red'))),
		]);
		t.deepEqual(
			outcomes.map(o => o.status),
			['fulfilled', 'rejected', 'fulfilled'],
		);
		const red = await store.read(tx => tx.list(notes, { where: { index: 'colour', equals: 'red' } }));
		t.deepEqual(
			red.map(r => r.id),
			['a', 'c'],
		);
	});

	withStore('concurrent increments never lose one', async (t, store) => {
		const increment = () =>
			store.transact(async tx => {
				const n = (await tx.get(counters, 'hits'))?.n ?? 0;
				await new Promise(resolve => setImmediate(resolve));
				await tx.put(counters, 'hits', { n: n + 1 });
				return n + 1;
			});
		const seen = await Promise.all(Array.from({ length: 100 }, increment));
		t.deepEqual(
			seen.sort((a, b) => a - b),
			Array.from({ length: 100 }, (_, i) => i + 1),
		);
		t.deepEqual(await store.read(tx => tx.get(counters, 'hits')), { n: 100 });
	});

	withStore('what does not fit the schema, or JSON, is refused and nothing is written', async (t, store) => {
		const wrong = [
			{ text: 1, n: 1 },
			{ text: 'x', n: Number.NaN },
			{ text: 'x', n: 1, more: 1 },
			undefined,
			1n,
		];
		for (const document of wrong) {
			const put = store.transact(async tx => {
				await tx.put(notes, 'good', note(1));
				await tx.put(notes, 'bad', document as unknown as Note);
			});
			await t.throwsAsync(put, { code: 'StoreInvalid' });
		}
		for (const id of ['', '\0', '\ud800', 'x'.repeat(1025)]) {
			await t.throwsAsync(
				store.transact(tx => tx.put(notes, id, note(1))),
				{ code: 'StoreInvalid' },
			);
		}
		t.is(await store.read(tx => tx.count(notes)), 0);
	});

	withStore(
		'an index may say several things of a document, each of which finds it once',
		async (t, store) => {
			const tagged = defineCollection('tagged', z.strictObject({ tags: z.array(z.string()) }), {
				tag: ({ tags }) => tags,
			});
			const having = (tag: string) =>
				store.read(async tx => {
					const where = { index: 'tag', equals: tag };
					const ids = (await tx.list(tagged, { where })).map(({ id }) => id);
					t.is(await tx.count(tagged, where), ids.length);
					return ids;
				});
			await store.transact(async tx => {
				await tx.put(tagged, 'a', { tags: ['red', 'round', 'red'] });
				await tx.put(tagged, 'b', { tags: ['round'] });
				await tx.put(tagged, 'c', { tags: [] });
			});
			t.deepEqual(
				[await having('red'), await having('round'), await having('flat')],
				[['a'], ['a', 'b'], []],
			);
			await store.transact(tx => tx.put(tagged, 'a', { tags: ['flat'] }));
			t.deepEqual([await having('red'), await having('round'), await having('flat')], [[], ['b'], ['a']]);
		},
	);

	withStore('unknown indexes and senseless limits are refused', async (t, store) => {
		const where = { index: 'toString', equals: 'x' };
		await t.throwsAsync(
			store.read(tx => tx.list(notes, { where })),
			{ code: 'StoreInvalid' },
		);
		await t.throwsAsync(
			store.read(tx => tx.count(notes, where)),
			{ code: 'StoreInvalid' },
		);
		await t.throwsAsync(
			store.read(tx => tx.list(notes, { limit: -1 })),
			{ code: 'StoreInvalid' },
		);
	});

	withStore('a document that no longer fits its schema is a fault, not skipped', async (t, store) => {
		await store.transact(tx => tx.put(notes, 'a', note(1)));
		const stricter = defineCollection('notes', z.strictObject({ other: z.string() }));
		await t.throwsAsync(
			store.read(tx => tx.get(stricter, 'a')),
			{ code: 'StoreCorrupt' },
		);
		await t.throwsAsync(
			store.read(tx => tx.list(stricter)),
			{ code: 'StoreCorrupt' },
		);
	});

	withStore('an index that is added later covers what is there already', async (t, store) => {
		await store.transact(async tx => {
			await tx.put(notes, 'a', note(1, 'red'));
			await tx.put(notes, 'b', note(2, 'red'));
		});
		const more = defineCollection<Note>('notes', noteSchema, { parity: n => (n.n % 2 ? 'odd' : 'even') });
		const odd = { index: 'parity', equals: 'odd' };
		t.is(await store.read(tx => tx.count(more, odd)), 1);
		await store.transact(tx => tx.put(more, 'c', note(3)));
		t.is(await store.read(tx => tx.count(more, odd)), 2);
		t.is(await store.read(tx => tx.count(notes, { index: 'colour', equals: 'red' })), 2);
	});

	withStore('a transaction is of no use after its end', async (t, store) => {
		const leaked = await store.transact(async tx => ({ tx }));
		await t.throwsAsync(leaked.tx.put(notes, 'a', note(1)), { code: 'TransactionOver' });
		const read = await store.read(async tx => ({ tx }));
		await t.throwsAsync(read.tx.get(notes, 'a'), { code: 'TransactionOver' });
	});

	withStore('stored documents cannot be changed through references', async (t, store) => {
		const mine = note(1);
		await store.transact(tx => tx.put(notes, 'a', mine));
		mine.n = 99;
		const theirs = await store.read(tx => tx.get(notes, 'a'));
		if (theirs) theirs.n = 98;
		t.deepEqual(await store.read(tx => tx.get(notes, 'a')), note(1));
	});

	withStore('close waits for what is under way, then everything is refused', async (t, store) => {
		const last = store.transact(tx => tx.put(notes, 'a', note(1)));
		const closed = store.close();
		await t.throwsAsync(
			store.transact(tx => tx.put(notes, 'b', note(2))),
			{ code: 'StoreClosed' },
		);
		await t.notThrowsAsync(last);
		await closed;
		await t.throwsAsync(
			store.read(tx => tx.get(notes, 'a')),
			{ code: 'StoreClosed' },
		);
	});

	if (isShared) {
		withStore(
			'a second opening sees what the first has written, and the other way round',
			async (t, store, folder) => {
				const second = await open(folder);
				try {
					for (let n = 0; n < 3; n++) {
						await store.transact(tx => tx.put(notes, 'a', note(n, 'red')));
						t.deepEqual(await second.read(tx => tx.get(notes, 'a')), note(n, 'red'));
						await second.transact(tx => tx.put(notes, 'a', note(n, 'blue')));
						t.is(await store.read(tx => tx.count(notes, { index: 'colour', equals: 'blue' })), 1);
					}
				} finally {
					await second.close();
				}
			},
		);
	} else {
		withStore('a second opening is refused while the first lasts', async (t, store, folder) => {
			await t.throwsAsync(open(folder), { code: 'StoreLocked' });
			await store.transact(tx => tx.put(notes, 'a', note(1)));
			await store.close();
			const again = await open(folder);
			t.deepEqual(await again.read(tx => tx.get(notes, 'a')), note(1));
			await again.close();
		});
	}

	test(`${engine}: behaves as a map would, and is the same after it is opened again`, async t => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
				const folder = await mkdtemp(join(tmpdir(), 'bimetal-store-'));
				let store = await open(folder);
				const model = new Map<string, Note>();
				try {
					for (const one of steps) {
						if (one.kind === 'reopen') {
							await store.close();
							store = await open(folder);
						} else {
							await apply(store, model, one);
						}
						t.deepEqual(await store.read(tx => tx.list(notes)), listed(model));
						for (const colour of colours) await compareByColour(t, store, model, colour);
					}
				} finally {
					await store.close();
					await rm(folder, { recursive: true });
				}
			}),
			{ numRuns: 25 },
		);
	});
	seesItsWrites(test, engine, open);
}

/** What transactions find while they write, several of them on their way at once, of which some come to nothing. */
function seesItsWrites(test: TestFn, engine: string, open: (folder: string) => Promise<Store>): void {
	test(`${engine}: within a transaction it behaves as a map would, whatever was written before in it`, async t => {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-store-'));
		const store = await open(folder);
		const ids = ['a', 'b', 'c', '\u{1f600}', '\uff5e'];
		const aStep = fc.record({
			do: fc.constantFrom('put', 'insert', 'delete', 'get', 'list', 'count'),
			id: fc.constantFrom(...ids),
			document: aNote,
			colour: fc.option(fc.constantFrom(...colours), { nil: undefined }),
			after: fc.option(fc.constantFrom(...ids), { nil: undefined }),
			limit: fc.option(fc.nat(3), { nil: undefined }),
		});
		type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never;
		/** What it says, and what it should say: a run that comes to nothing because another one is made tells nothing. */
		const play = async (
			tx: Transaction,
			model: Map<string, Note>,
			{ do: what, id, document, colour, after, limit }: Step,
		): Promise<readonly [unknown, unknown]> => {
			const where = colour === undefined ? undefined : { index: 'colour', equals: colour };
			const having = listed(model).filter(each => !where || each.document.colour === colour);
			switch (what) {
				case 'put':
					model.set(id, document);
					return [await tx.put(notes, id, document), undefined];
				case 'insert': {
					const expected = model.has(id) ? 'StoreConflict' : 'inserted';
					if (!model.has(id)) model.set(id, document);
					const done = tx.insert(notes, id, document).then(() => 'inserted');
					return [await done.catch(({ code }) => code), expected];
				}
				case 'delete':
					return [await tx.delete(notes, id), model.delete(id)];
				case 'get':
					return [await tx.get(notes, id), model.get(id)];
				case 'list': {
					const options = {
						...(where && { where }),
						...(after !== undefined && { after }),
						...(limit !== undefined && { limit }),
					};
					const expected = having.filter(each => after === undefined || each.id > after).slice(0, limit);
					return [await tx.list(notes, options), expected];
				}
				default:
					return [await tx.count(notes, where), having.length];
			}
		};
		try {
			await fc.assert(
				fc.asyncProperty(
					fc.array(fc.record({ steps: fc.array(aStep, { maxLength: 12 }), throws: fc.boolean() }), {
						maxLength: 6,
					}),
					fc.uniqueArray(fc.constantFrom(...ids)),
					async (transactions, before) => {
						await store.transact(async tx => {
							for (const { id } of await tx.list(notes)) await tx.delete(notes, id);
							for (const id of before) await tx.put(notes, id, note(7, 'red'));
						});
						/** What there is after each transaction: by its number, since it may be run again. */
						const states = [new Map(before.map(id => [id, note(7, 'red')]))];
						const said: (readonly [unknown, unknown])[][] = [];
						const done = transactions.map(({ steps, throws }, n) =>
							store.transact(async tx => {
								const model = new Map(states[n]);
								states[n + 1] = new Map(states[n]);
								said[n] = [];
								for (const one of steps) said[n].push(await play(tx, model, one));
								if (throws) throw new RangeError('undo');
								states[n + 1] = model;
							}),
						);
						const outcomes = await Promise.allSettled(done);
						t.deepEqual(
							outcomes.map(each => each.status === 'rejected' && each.reason instanceof RangeError),
							transactions.map(({ throws }) => throws),
						);
						for (const [is, shouldBe] of said.flat()) t.deepEqual(is, shouldBe);
						t.deepEqual(await store.read(tx => tx.list(notes)), listed(states.at(-1) ?? new Map()));
						for (const colour of colours) await compareByColour(t, store, states.at(-1) ?? new Map(), colour);
					},
				),
				{ numRuns: 40 },
			);
		} finally {
			await store.close();
			await rm(folder, { recursive: true });
		}
	});
}

const colours = ['red', '', 'ärger'];
// Ids on which orders differ: by code unit U+1F600 (surrogates) sorts before U+FF5E, by code point after it.
const anId = fc.oneof(
	fc.constantFrom('a', 'b', '10', '9', '__proto__', '\u{1f600}', '\uff5e', 'é'),
	fc
		.string({ unit: 'binary', minLength: 1, maxLength: 3 })
		.filter(id => id.isWellFormed() && !id.includes('\0')),
);
const aNote: fc.Arbitrary<Note> = fc
	.record({
		text: fc.string(),
		n: fc.integer(),
		colour: fc.option(fc.constantFrom(...colours), { nil: undefined }),
	})
	.map(({ colour, ...rest }) => (colour === undefined ? rest : { ...rest, colour }));
const aWrite = fc.oneof(
	fc.record({ kind: fc.constant('put' as const), id: anId, document: aNote }),
	fc.record({ kind: fc.constant('delete' as const), id: anId }),
);
const step = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.record({
			kind: fc.constant('write' as const),
			writes: fc.array(aWrite),
			throws: fc.boolean(),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);
type Write = Extract<typeof step extends fc.Arbitrary<infer S> ? S : never, { kind: 'write' }>;

async function apply(store: Store, model: Map<string, Note>, { writes, throws }: Write): Promise<void> {
	const done = store.transact(async tx => {
		for (const write of writes) {
			if (write.kind === 'put') await tx.put(notes, write.id, write.document);
			else await tx.delete(notes, write.id);
		}
		if (throws) throw new Error('undo');
	});
	await done.catch(error => {
		if (!throws) throw error;
	});
	if (throws) return;
	for (const write of writes) {
		if (write.kind === 'put') model.set(write.id, write.document);
		else model.delete(write.id);
	}
}

function listed(model: Map<string, Note>): { id: string; document: Note }[] {
	const ids = [...model.keys()].sort();
	return ids.map(id => ({ id, document: model.get(id) as Note }));
}

/** Page by page, two at a time. */
async function compareByColour(t: ExecutionContext, store: Store, model: Map<string, Note>, colour: string) {
	const where = { index: 'colour', equals: colour };
	const expected = listed(model).filter(({ document }) => document.colour === colour);
	const paged: { id: string; document: Note }[] = [];
	for (;;) {
		const after = paged.at(-1)?.id;
		const page = await store.read(tx =>
			tx.list(notes, { where, limit: 2, ...(after !== undefined && { after }) }),
		);
		paged.push(...page);
		if (page.length < 2) break;
	}
	t.deepEqual(paged, expected);
	t.is(await store.read(tx => tx.count(notes, where)), expected.length);
}
