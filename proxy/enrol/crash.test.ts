// A crash before or after each step that leaves a trace: on disk or at the BMC.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { parse } from 'yaml';
import { type Bench, oldPassword, startBench } from './console.fixture.ts';
import type { Console } from './console.ts';
import { enrolBmc } from './enrol.ts';
import { durableDisk } from './enrolment-file.ts';
import { openBmc } from './open-bmc.ts';
import { releaseBmc } from './release.ts';

class Crash extends Error {}

/** After `at` effects (counted in halves: before and after each), nothing more happens. */
function crashing(at: number): Pick<Console, 'disk' | 'openBmc'> & { readonly steps: () => number } {
	let count = 0;
	const tick = () => {
		if (count++ >= at) throw new Crash(`crashed at step ${at}`);
	};
	const effect = async <R>(act: () => Promise<R>): Promise<R> => {
		tick();
		const result = await act();
		tick();
		return result;
	};
	return {
		steps: () => count,
		disk: {
			read: durableDisk.read,
			write: (...args) => effect(() => durableDisk.write(...args)),
			remove: (...args) => effect(() => durableDisk.remove(...args)),
		},
		openBmc(target) {
			const bmc = openBmc(target);
			return {
				close: bmc.close,
				async logIn(...args) {
					if (count >= at) throw new Crash('crashed');
					const login = await bmc.logIn(...args);
					return login && { ...login, send: change => effect(() => login.send(change)) };
				},
			};
		},
	};
}

/** Every password that is on the proxy's disk or with the operator. */
async function known(bench: Bench, own: readonly string[]): Promise<string[]> {
	const record = await readFile(path.join(bench.folder, 'enrolment/node1.json'), 'utf8').catch(() => '{}');
	const kept = await bench.kept().catch(() => undefined);
	const { passwords = [] } = JSON.parse(record) as { passwords?: string[] };
	return [...new Set([...own, ...passwords, ...(kept === undefined ? [] : [kept])])];
}

const working = async (bench: Bench, passwords: readonly string[]): Promise<string[]> => {
	const found: string[] = [];
	for (const password of passwords) if (await bench.works(password)) found.push(password);
	return found;
};

/** Runs `act` with a crash at each step in turn, `check`s what it left, until it gets through. */
async function atEveryStep(
	t: ExecutionContext,
	act: (bench: Bench, console: Console) => Promise<unknown>,
	prepare: (bench: Bench) => Promise<unknown>,
	check: (bench: Bench, step: number) => Promise<unknown>,
): Promise<number> {
	/** How many steps there were, when it got through. */
	const crashAt = async (step: number): Promise<number | undefined> => {
		const bench = await startBench(t);
		await prepare(bench);
		const { steps, ...effects } = crashing(step);
		const crashed = await act(bench, { ...bench.console, ...effects }).then(
			() => false,
			(fault: unknown) => {
				if (!(fault instanceof Crash)) throw fault;
				return true;
			},
		);
		await check(bench, step);
		await bench.end();
		return crashed ? undefined : steps();
	};
	for (let step = 0; ; step += 10) {
		const ends = await Promise.all(Array.from({ length: 10 }, (_, i) => crashAt(step + i)));
		const through = ends.find(steps => steps !== undefined);
		if (through !== undefined) return through;
	}
}

test('enrolment: at any moment exactly one known password works; resumed, it is the new one and stands in its file', async t => {
	const steps = await atEveryStep(
		t,
		({ wanted }, console) => enrolBmc(console, wanted),
		async () => undefined,
		async (bench, step) => {
			t.is((await working(bench, await known(bench, [oldPassword]))).length, 1, `step ${step}`);
			const done = await enrolBmc(bench.console, bench.wanted);
			t.deepEqual(done.left, []);
			t.deepEqual(await working(bench, [oldPassword, await bench.kept()]), [await bench.kept()]);
			t.is(parse(await bench.site()).bmcs.node1.fingerprint, done.fingerprint);
			const record = await readFile(path.join(bench.folder, 'enrolment/node1.json'), 'utf8');
			t.false(record.includes(await bench.kept()));
			t.like(JSON.parse(record), { state: 'enrolled', passwords: [] });
			t.true(record.includes('"door": "SSH"'), 'what was open before is still known');
		},
	);
	t.true(steps > 20, 'every effect was counted');
});

test('an enrolment that was cut off is undone by a release', async t => {
	await atEveryStep(
		t,
		({ wanted }, console) => enrolBmc(console, wanted),
		async () => undefined,
		async (bench, step) => {
			const begun = await readFile(path.join(bench.folder, 'enrolment/node1.json')).catch(() => undefined);
			if (!begun) return t.true(await bench.works(oldPassword), `step ${step}: nothing was begun`);
			await releaseBmc(bench.console, 'node1', oldPassword);
			t.true(await bench.works(oldPassword));
			t.like(await bench.show('Managers/bmc/NetworkProtocol', oldPassword), {
				SSH: { ProtocolEnabled: true },
			});
			return t.like(await bench.show('AccountService/Accounts/oper1', oldPassword), { Enabled: true });
		},
	);
});

test('release: at any moment exactly one known password works; resumed, it is the owner’s', async t => {
	const owners = 'The-owners-own1';
	await atEveryStep(
		t,
		(_bench, console) => releaseBmc(console, 'node1', owners),
		({ console, wanted }) => enrolBmc(console, wanted),
		async (bench, step) => {
			t.is((await working(bench, await known(bench, [owners]))).length, 1, `step ${step}`);
			// Only its very last step leaves nothing to go on with, because nothing is left to do.
			await releaseBmc(bench.console, 'node1', owners).catch(fault => t.is(fault.code, 'NotEnrolled'));
			t.true(await bench.works(owners));
			t.is(parse(await bench.site()).bmcs.node1, undefined);
			t.like(await bench.show('AccountService/Accounts/oper1', owners), { Enabled: true });
		},
	);
});
