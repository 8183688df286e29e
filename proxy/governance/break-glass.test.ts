import type { ExecutionContext } from 'ava';
import test from 'ava';
import fc from 'fast-check';
import { type Agreement, agreementFile, readAgreement } from './agreement.ts';
import { breakGlassPurpose, letsThrough, openingText, verdictUnder, type Window } from './break-glass.ts';
import {
	agreementText,
	breakGlass,
	cpOperator,
	hsoOperator,
	keys,
	startGovernor,
} from './governance.fixture.ts';
import { signText } from './signing-key.ts';
import { openWindows } from './windows.ts';

const minute = 60_000;
const agreement = (more = breakGlass): Agreement => readAgreement(agreementFile, agreementText(more));
const row = (name: string, { closed = false, handledBy = 'bmc' as 'bmc' | 'proxy' } = {}) => ({
	name,
	handledBy,
	authorization: { source: '', closed, clauses: [] },
});

test('property: nothing outside the list, the time, the uses, the party or the agreement', t => {
	const names = ['Wipe', 'Reset', 'Look'];
	const lists = fc.subarray(names, { minLength: 1 });
	const who = fc.constantFrom('HSO', 'CP', 'SI');
	fc.assert(
		fc.property(
			fc.record({
				listed: lists,
				agreed: lists,
				asked: fc.array(fc.constantFrom(...names), { maxLength: 3 }),
				party: who,
				owner: who,
				agreedFor: fc.option(who),
				openedAt: fc.integer({ min: 0, max: 100 }),
				length: fc.integer({ min: 1, max: 100 }),
				now: fc.integer({ min: -10, max: 250 }),
				uses: fc.integer({ min: 0, max: 4 }),
				maxUses: fc.integer({ min: 1, max: 3 }),
				isEnded: fc.boolean(),
				closed: fc.boolean(),
				handledBy: fc.constantFrom('bmc' as const, 'proxy' as const),
			}),
			({ listed, agreed, asked, party, owner, agreedFor, openedAt, length, now, uses, maxUses, ...more }) => {
				const window: Window = {
					id: 'b1',
					party: owner,
					operator: { name: 'x', party: owner },
					reason: 'r',
					operations: listed,
					openedAt,
					until: openedAt + length,
					maxUses,
					uses,
					signature: null,
					ended: more.isEnded ? { by: null, reason: 'r', at: now } : null,
				};
				const rule = { operations: agreed } as Agreement['breakGlass'][string];
				const rules = { breakGlass: agreedFor === null ? {} : { [agreedFor]: rule } } as Pick<
					Agreement,
					'breakGlass'
				>;
				const operations = asked.map(name => row(name, more));
				const passes = letsThrough(window, rules, { party, operations, now });
				const may =
					party === owner &&
					agreedFor === party &&
					!more.isEnded &&
					!more.closed &&
					more.handledBy === 'bmc' &&
					now >= openedAt &&
					now < openedAt + length &&
					uses < maxUses &&
					asked.length > 0 &&
					asked.every(name => listed.includes(name) && agreed.includes(name));
				return passes === may;
			},
		),
		{ numRuns: 3000 },
	);
	t.pass();
});

test('inherited names are no parties', t => {
	const rules = { breakGlass: {} };
	const request = { party: 'constructor', operations: [row('Wipe')], now: 1 };
	const window = {
		party: 'constructor',
		operations: ['Wipe'],
		openedAt: 0,
		until: 9,
		maxUses: 1,
		uses: 0,
		ended: null,
	};
	t.false(letsThrough(window as unknown as Window, rules, request));
});

async function start(t: ExecutionContext, text: string | undefined = breakGlass, needsKey = false) {
	const site = await startGovernor(t);
	const notified: string[] = [];
	let inForce = text === '' ? undefined : agreement(text);
	const options = {
		...site.deps,
		agreement: () => inForce,
		needsKey: () => needsKey,
		notify: (window: Window, what: string) => void notified.push(`${what} ${window.uses}`),
	};
	const windows = await openWindows(options);
	t.teardown(() => windows.close());
	const use = (who = hsoOperator, name = 'Wipe') =>
		windows.use(who, [row(name)] as never, { bmc: 'node1', method: 'POST', path: '/x' });
	const agree = (next: Agreement | undefined) => {
		inForce = next;
	};
	return { ...site, windows, use, notified, agree, options };
}
const opening = { reason: 'fire in the rack', forMs: 10 * minute, signed: undefined };

test('a window lets its party through for what it lists, loudly, until its uses are used', async t => {
	const { windows, use, notified, records } = await start(t);
	t.is(await use(), undefined);
	const window = await windows.open(hsoOperator, opening);
	t.like(records.at(-1), {
		kind: 'break-glass',
		action: 'open',
		operator: 'hso-operator',
		reason: 'fire in the rack',
	});
	t.is(await use(cpOperator), undefined);
	t.is(await use(hsoOperator, 'Reset'), undefined);
	// Before an image has come it is only looked whether there is one.
	const may = (who = hsoOperator, name = 'Wipe') => windows.mayUse(who, [row(name)] as never);
	t.deepEqual([await may(), await may(cpOperator), await may(hsoOperator, 'Reset')], [true, false, false]);
	t.is((await use())?.uses, 1);
	t.is((await use())?.uses, 2);
	t.is((await use())?.uses, 3);
	t.is(await use(), undefined);
	t.false(await may());
	t.deepEqual(notified, ['opened 0', 'used 1', 'used 2', 'used 3', 'ended 3']);
	t.like(records.at(-1), { action: 'end', id: window.id, uses: 3, reason: 'all its uses are used' });
});

test('it ends by time, also when the proxy was down at the time', async t => {
	const { windows, use, clock, records, options } = await start(t);
	await windows.open(hsoOperator, opening);
	clock.advance(10 * minute - 1);
	t.truthy(await use());
	windows.close();
	clock.advance(1);
	t.is(await use(), undefined);
	t.like((await windows.list())[0], { ended: { reason: 'its time is over' } });
	const again = await openWindows(options);
	t.is((await again.list())[0]?.ended?.reason, 'its time is over');
	t.like(records.at(-1), { kind: 'break-glass', action: 'end', operator: null });
	again.close();
});

test('without an agreement, or one that allows it, there is none', async t => {
	for (const text of ['', 'pinned: {}\n']) {
		const { windows } = await start(t, text);
		await t.throwsAsync(windows.open(hsoOperator, opening), { code: 'BreakGlassNotAllowed' });
	}
	const { windows, use, agree } = await start(t);
	await t.throwsAsync(windows.open(cpOperator, opening), { code: 'BreakGlassNotAllowed' });
	await t.throwsAsync(windows.open(hsoOperator, { ...opening, forMs: 31 * minute }), {
		code: 'BreakGlassNotAllowed',
	});
	await windows.open(hsoOperator, opening);
	agree(agreement('pinned: {}\n'));
	t.is(await use(), undefined, 'an agreement that takes it back counts at once');
	agree(undefined);
	t.is(await use(), undefined);
});

test('one window at a time, and so many a day', async t => {
	const { windows, clock } = await start(t);
	const both = await Promise.allSettled([
		windows.open(hsoOperator, opening),
		windows.open(hsoOperator, opening),
	]);
	t.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
	clock.advance(11 * minute);
	await windows.open(hsoOperator, opening);
	clock.advance(11 * minute);
	await t.throwsAsync(windows.open(hsoOperator, opening), { message: /2 windows in 24 hours/ });
	clock.advance(24 * 60 * minute);
	await t.notThrowsAsync(windows.open(hsoOperator, opening));
});

test('the other party ends it at once, unless the agreement reserves that', async t => {
	const { windows, use, agree, records } = await start(t);
	const { id } = await windows.open(hsoOperator, opening);
	agree(agreement(`${breakGlass}    endedBy: own party\n`));
	await t.throwsAsync(windows.end(id, cpOperator, null), { code: 'BreakGlassNotAllowed' });
	agree(agreement());
	t.like(await windows.end(id, cpOperator, 'false alarm'), {
		ended: { by: cpOperator, reason: 'false alarm' },
	});
	t.is(await use(), undefined);
	t.like(records.at(-1), { action: 'end', operator: 'cp-operator' });
	await t.throwsAsync(windows.end('b0', cpOperator, null), { code: 'NoSuchWindow' });
});

test('where it takes the party’s key, a signature opens one window, once, and soon', async t => {
	const required = breakGlass.replace('optional', 'required');
	for (const [text, needsKey] of [
		[required, false],
		[breakGlass, true],
	] as const) {
		const { windows, clock } = await start(t, text, needsKey);
		await t.throwsAsync(windows.open(hsoOperator, opening), { code: 'SignatureInvalid' });
		const signed = (key = keys.HSO.privatePem, reason = opening.reason, at = clock.now()) => ({
			at,
			signature: signText(
				key,
				breakGlassPurpose,
				openingText({
					site: 'test',
					party: 'HSO',
					operator: 'hso-operator',
					reason,
					forMs: opening.forMs,
					at,
				}),
			),
		});
		const open = (with_: { at: number; signature: string }) =>
			windows.open(hsoOperator, { ...opening, signed: with_ });
		await t.throwsAsync(open(signed(keys.CP.privatePem)), { code: 'SignatureInvalid' });
		await t.throwsAsync(open(signed(undefined, 'another reason')), { code: 'SignatureInvalid' });
		await t.throwsAsync(open(signed(undefined, undefined, clock.now() - 6 * minute)), {
			code: 'SignatureInvalid',
		});
		const once = signed();
		const { id } = await open(once);
		await windows.end(id, hsoOperator, null);
		await t.throwsAsync(open(once), { code: 'WindowOpen' });
	}
});

test('what others hide stays hidden under it, what one’s own party hides does not', t => {
	const post = (party: string) => ({
		party,
		pre: undefined,
		post: [{ kind: 'mask', source: party }],
		where: {},
	});
	const operation = {
		name: 'Wipe',
		policies: new Map(['HSO', 'CP', 'SI'].map(party => [party, post(party)])),
	};
	const verdict = verdictUnder({ id: 'b1', reason: 'fire' }, 'HSO', [operation as never], []);
	t.deepEqual(
		verdict.posts.flat().map(({ source }) => source),
		['CP', 'SI'],
	);
	t.is(verdict.breakGlass, 'b1');
	t.is(verdict.clause, 'HSO by break-glass b1: fire');
});
