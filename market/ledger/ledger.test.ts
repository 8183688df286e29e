import test from 'ava';
import type { Store, Transaction } from '../../common/store/store.ts';
import { codeOf, temporaryStore } from '../store.fixture.ts';
import { accounts } from './account.ts';
import { checkBook } from './check-book.ts';
import { claims, oweCredits } from './claim.ts';
import { grantCredits, setCreditLine, showCredits, transferCredits } from './credits.ts';
import { captureHold, holdCredits, releaseHold } from './escrow.ts';
import { formatCredits, parseCredits } from './money.ts';
import { exportStatement, showStatement } from './statement.ts';
import { counters, transferId, transfers } from './transfer.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const cause = { kind: 'grant', of: '', note: '' } as const;
const bid = { kind: 'bid', of: 'bid-1', note: '' } as const;
const credits = parseCredits;

/** A book in which red has 100 credits and blue has 10. */
async function someBook(t: { teardown: (fn: () => Promise<void>) => void }) {
	const { store, end } = await temporaryStore();
	t.teardown(end);
	await store.transact(async tx => {
		await grantCredits(tx, { key: 'g1', project: 'red', amount: credits('100'), cause }, now);
		await grantCredits(tx, { key: 'g2', project: 'blue', amount: credits('10'), cause }, now);
	});
	return {
		store,
		act: <R>(verb: (tx: Transaction, ask: R, now: number) => Promise<unknown>, ask: R) =>
			store.transact(tx => verb(tx, ask, now)),
		balances: () => balancesOf(store),
		problems: () => store.read(checkBook),
	};
}

async function wholeExport(store: Store, account: string, format: 'csv' | 'json'): Promise<string> {
	let text = '';
	for await (const piece of exportStatement(store, account, format)) text += piece;
	return text;
}

async function balancesOf(store: Store): Promise<Record<string, string>> {
	const all = await store.read(tx => tx.list(accounts));
	return Object.fromEntries(all.map(({ id, document }) => [id, formatCredits(BigInt(document.balance))]));
}

test('what is granted stands against the mint', async t => {
	const { balances, problems } = await someBook(t);
	t.deepEqual(await balances(), {
		'escrow/blue': '0',
		'escrow/red': '0',
		mint: '-110',
		'project/blue': '10',
		'project/red': '100',
	});
	t.deepEqual(await problems(), []);
});

test('a key moves credits once, and is refused for anything else', async t => {
	const { act, balances, problems } = await someBook(t);
	const ask = { key: 't1', from: 'red', to: 'blue', amount: credits('2.5'), cause };
	const [first, second] = [await act(transferCredits, ask), await act(transferCredits, ask)];
	t.deepEqual(first, second);
	t.deepEqual(await act(transferCredits, { ...ask, cause: { note: '', of: '', kind: 'grant' } }), first);
	t.is(await codeOf(act(transferCredits, { ...ask, amount: credits('2.6') })), 'KeyReused');
	t.is(await codeOf(act(transferCredits, { ...ask, to: 'green' })), 'KeyReused');
	t.is(
		await codeOf(act(grantCredits, { key: 't1', project: 'blue', amount: ask.amount, cause })),
		'KeyReused',
	);
	const after = await balances();
	t.is(after['project/red'], '97.5');
	t.is(after['project/blue'], '12.5');
	t.false('project/green' in after);
	t.deepEqual(await problems(), []);
});

test('what cannot be moved is refused with its reason, and the book is as before', async t => {
	const { store, act, balances, problems } = await someBook(t);
	const held = await store.transact(tx =>
		holdCredits(tx, { key: 'h1', project: 'red', amount: credits('40'), cause: bid }, now),
	);
	const before = await balances();
	const move = { key: 'x', from: 'red', to: 'blue', amount: credits('1'), cause };
	const capture = { key: 'x', hold: held.id, to: 'blue', amount: credits('1'), cause: bid };
	const refused: [string, Promise<unknown>][] = [
		['AmountRefused', act(transferCredits, { ...move, amount: 0n })],
		['AmountRefused', act(transferCredits, { ...move, amount: -1n })],
		['AmountRefused', act(transferCredits, { ...move, amount: 10n ** 30n })],
		['CreditsShort', act(transferCredits, { ...move, amount: credits('60.000001') })],
		['TransferRefused', act(transferCredits, { ...move, to: 'red' })],
		['NoSuchAccount', act(transferCredits, { ...move, from: 'nobody' })],
		['NameRefused', act(transferCredits, { ...move, to: '../red' })],
		['NameRefused', act(grantCredits, { key: 'x', project: '', amount: 1n, cause })],
		['KeyRefused', act(transferCredits, { ...move, key: '' })],
		['KeyRefused', act(transferCredits, { ...move, key: 'a b' })],
		['KeyRefused', act(transferCredits, { ...move, key: 'k'.repeat(201) })],
		['NoSuchAccount', act(holdCredits, { key: 'x', project: 'nobody', amount: 1n, cause: bid })],
		['CreditsShort', act(holdCredits, { key: 'x', project: 'red', amount: credits('61'), cause: bid })],
		['HoldTooSmall', act(captureHold, { ...capture, amount: credits('40.000001') })],
		['AmountRefused', act(captureHold, { ...capture, amount: -credits('1') })],
		['TransferRefused', act(captureHold, { ...capture, to: 'red' })],
		['NoSuchHold', act(captureHold, { ...capture, hold: transferId(1) })],
		['NoSuchHold', act(releaseHold, { key: 'x', hold: '', cause: bid })],
		['HoldTooSmall', act(releaseHold, { key: 'x', hold: held.id, amount: credits('41'), cause: bid })],
		['AmountRefused', act(releaseHold, { key: 'x', hold: held.id, amount: 0n, cause: bid })],
		['AmountRefused', act(setCreditLine, { project: 'red', creditLine: -1n })],
		['NoSuchAccount', store.read(tx => showCredits(tx, 'nobody'))],
	];
	for (const [code, refusal] of refused) t.is(await codeOf(refusal), code);
	t.deepEqual(await balances(), before);
	t.deepEqual(await problems(), []);
	// The key of what was refused is still free.
	t.is(await codeOf(act(transferCredits, move)), undefined);
});

test('what is held can be paid out in parts, and the rest goes back once', async t => {
	const { store, act, balances, problems } = await someBook(t);
	const { id: hold } = await store.transact(tx =>
		holdCredits(tx, { key: 'h1', project: 'red', amount: credits('40'), cause: bid }, now),
	);
	t.deepEqual(await store.read(tx => showCredits(tx, 'red')), {
		project: 'red',
		balance: '60',
		creditLine: '0',
		held: '40',
		available: '60',
		owes: '0',
		isOwed: '0',
	});
	await act(captureHold, { key: 'c1', hold, to: 'blue', amount: credits('15'), cause: bid });
	await act(captureHold, { key: 'c2', hold, to: 'green', amount: credits('5'), cause: bid });
	const released = await act(releaseHold, { key: 'r1', hold, cause: bid });
	t.deepEqual(await act(releaseHold, { key: 'r1', hold, cause: bid }), released);
	t.is(await codeOf(act(releaseHold, { key: 'r2', hold, cause: bid })), 'HoldTooSmall');
	t.is(
		await codeOf(act(captureHold, { key: 'c3', hold, to: 'blue', amount: 1n, cause: bid })),
		'HoldTooSmall',
	);
	const after = await balances();
	t.deepEqual(
		[after['project/red'], after['project/blue'], after['project/green'], after['escrow/red']],
		['80', '25', '5', '0'],
	);
	t.deepEqual(await problems(), []);
});

test('a credit line is how far below zero a project may go, and cannot be taken from under it', async t => {
	const { store, act, problems } = await someBook(t);
	await act(setCreditLine, { project: 'blue', creditLine: credits('5') });
	const ask = { key: 'h1', project: 'blue', amount: credits('14'), cause: bid };
	await act(holdCredits, ask);
	t.is((await store.read(tx => showCredits(tx, 'blue'))).available, '1');
	t.is(await codeOf(act(holdCredits, { ...ask, key: 'h2', amount: credits('1.000001') })), 'CreditsShort');
	t.is(await codeOf(act(setCreditLine, { project: 'blue', creditLine: credits('3.9') })), 'CreditLineInUse');
	await act(setCreditLine, { project: 'blue', creditLine: credits('4') });
	t.deepEqual(await problems(), []);
});

test('credits are exact decimal text', t => {
	for (const [text, microcredits] of [
		['1', 1_000_000n],
		['0.000001', 1n],
		['12.50', 12_500_000n],
		['1000000000000', 10n ** 18n],
	] as const) {
		t.is(parseCredits(text), microcredits);
	}
	t.is(formatCredits(-250_000n), '-0.25');
	t.is(formatCredits(12_500_000n), '12.5');
	for (const text of [
		'',
		'0',
		'0.0',
		'-1',
		'+1',
		'1e3',
		'1.',
		'.5',
		'1.0000001',
		'1,5',
		' 1',
		'NaN',
		'٣',
		'1000000000000.1',
	]) {
		t.throws(() => parseCredits(text), { code: 'AmountRefused' }, text);
	}
});

test('a statement comes in pages, and as a whole in CSV and JSON', async t => {
	const { store, act } = await someBook(t);
	const note = '=HYPERLINK("x"),\nand more';
	await act(transferCredits, {
		key: 't1',
		from: 'red',
		to: 'blue',
		amount: credits('1'),
		cause: { kind: 'gift', of: '-2', note },
	});
	await act(transferCredits, { key: 't2', from: 'blue', to: 'red', amount: credits('0.5'), cause });
	const page = (after?: string) =>
		store.read(tx =>
			showStatement(tx, { account: 'project/red', limit: 2, ...(after === undefined ? {} : { after }) }),
		);
	const first = await page();
	t.deepEqual(
		first.lines.map(({ amount, balance, with: other }) => [amount, balance, other]),
		[
			['100', '100', 'mint'],
			['-1', '99', 'project/blue'],
		],
	);
	const second = await page(first.next);
	t.deepEqual(
		second.lines.map(({ amount, balance }) => [amount, balance]),
		[['0.5', '99.5']],
	);
	t.is(second.next, undefined);
	for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
		const refusal = store.read(tx => showStatement(tx, { account: 'project/red', limit }));
		t.is(await codeOf(refusal), 'PageRefused');
	}

	const whole = (format: 'csv' | 'json') => wholeExport(store, 'project/red', format);
	t.deepEqual(JSON.parse(await whole('json')), [...first.lines, ...second.lines]);
	const at = '2026-03-01T12:00:00.000Z';
	t.is(
		await whole('csv'),
		[
			'id,at,amount,balance,with,kind,of,note,hold',
			`${transferId(1)},${at},100,100,mint,grant,,,`,
			`${transferId(3)},${at},-1,99,project/blue,gift,'-2,"'=HYPERLINK(""x""),\nand more",`,
			`${transferId(4)},${at},0.5,99.5,project/blue,grant,,,`,
			'',
		].join('\r\n'),
	);
	t.is(await codeOf(wholeExport(store, 'project/nobody', 'csv')), 'NoSuchAccount');
});

test('a statement of more than a page is exported whole', async t => {
	const { store } = await someBook(t);
	await store.transact(async tx => {
		for (let n = 0; n < 1000; n++) {
			await grantCredits(tx, { key: `many-${n}`, project: 'red', amount: 1n, cause }, now);
		}
	});
	const whole = JSON.parse(await wholeExport(store, 'project/red', 'json'));
	t.is(whole.length, 1001);
	t.is(whole.at(-1).balance, '100.001');
});

test('the check of the book finds what was tampered with', async t => {
	const spoil: Record<string, (tx: Transaction) => Promise<unknown>> = {
		'a balance': async tx => {
			const found = await tx.get(accounts, 'project/red');
			if (found) await tx.put(accounts, 'project/red', { ...found, balance: '1' });
		},
		'a missing account': tx => tx.delete(accounts, 'project/blue'),
		'a missing transfer': tx => tx.delete(transfers, transferId(2)),
		'a doubled key': async tx => {
			const found = await tx.get(transfers, transferId(2));
			if (found) await tx.put(transfers, transferId(2), { ...found, key: 'g1' });
		},
		'an amount': async tx => {
			const found = await tx.get(transfers, transferId(1));
			if (found) await tx.put(transfers, transferId(1), { ...found, amount: '7' });
		},
		'a count': tx => tx.put(counters, 'transfers', { last: 9 }),
		'a claim': async tx => {
			await oweCredits(tx, { key: 'c', debtor: 'blue', creditor: 'red', amount: credits('500'), cause }, now);
			const [found] = await tx.list(claims);
			if (found) await tx.put(claims, found.id, { ...found.document, left: '1' });
		},
		'a missing claim': async tx => {
			await oweCredits(tx, { key: 'c', debtor: 'red', creditor: 'blue', amount: credits('1'), cause }, now);
			for (const { id } of await tx.list(claims)) await tx.delete(claims, id);
		},
		'a credit line': async tx => {
			await setCreditLine(tx, { project: 'blue', creditLine: credits('5') }, now);
			await transferCredits(tx, { key: 'd', from: 'blue', to: 'red', amount: credits('12'), cause }, now);
			const found = await tx.get(accounts, 'project/blue');
			if (found) await tx.put(accounts, 'project/blue', { ...found, creditLine: '0' });
		},
	};
	for (const [what, how] of Object.entries(spoil)) {
		const { store, problems } = await someBook(t);
		await store.transact(how);
		t.true((await problems()).length > 0, what);
	}
});
