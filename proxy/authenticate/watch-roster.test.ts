import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import type { Roster } from './roster.ts';
import { watchRoster } from './watch-roster.ts';

const operators = (...names: string[]) =>
	JSON.stringify({ operators: names.map(name => ({ name, party: 'HSO' })) });

test('a changed file takes effect, a bad one changes nothing', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'roster-'));
	const file = join(folder, 'operators.yaml');
	await writeFile(file, operators('ann', 'bob'));
	const problems: unknown[] = [];
	let told: (roster: Roster) => void = () => undefined;
	const watched = watchRoster({
		file,
		parties: ['HSO'],
		clock: systemClock,
		onChange: roster => told(roster),
		onProblems: error => problems.push(error),
	});
	// The watch keeps no process alive, and here nothing else would.
	const alive = setInterval(() => undefined, 1000);
	t.teardown(async () => {
		clearInterval(alive);
		watched.close();
		await rm(folder, { recursive: true });
	});
	t.truthy(watched.current().find('bob'));

	await writeFile(file, '{ operators: [ { name: ann, party: NOBODY } ] }');
	watched.reload();
	t.is(problems.length, 1);
	t.truthy(watched.current().find('bob'));

	// As editors do it: another file is put in the place of the old one.
	const changed = new Promise<Roster>(resolve => {
		told = resolve;
	});
	await writeFile(join(folder, 'new'), operators('ann'));
	await rename(join(folder, 'new'), file);
	const roster = await changed;
	t.truthy(roster.find('ann'));
	t.is(roster.find('bob'), undefined);
	t.is(watched.current(), roster);
});

test('a file that is bad at the start is an error', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'roster-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(join(folder, 'operators.yaml'), 'operators: nobody\n');
	const nothing = () => undefined;
	const error = t.throws(() =>
		watchRoster({
			file: join(folder, 'operators.yaml'),
			parties: ['HSO'],
			clock: systemClock,
			onChange: nothing,
			onProblems: nothing,
		}),
	);
	t.regex(String(error), /operators\.yaml:1:/);
});
