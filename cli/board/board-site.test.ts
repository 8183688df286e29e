import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { checkPolicies } from '../../proxy/policy/check-policies.ts';
import { openBoardSite } from './board-site.ts';

test("a board's card holds what its proxy reads, and no password, authority's key or other secret", async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-board-site-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const site = await openBoardSite(path.join(folder, 'state'), systemClock);
	const content = await site.layOut(folder);

	const files = (await readdir(content, { recursive: true, withFileTypes: true })).filter(f => f.isFile());
	const texts = await Promise.all(files.map(f => readFile(path.join(f.parentPath, f.name), 'utf8')));
	for (const { password } of site.operators) t.false(texts.some(text => text.includes(password)));
	const keys = files.filter((_, index) => texts[index]?.includes('PRIVATE KEY'));
	t.deepEqual(
		keys.map(({ name }) => name),
		['proxy.key.pem'],
	);
	t.not(site.operators[0]?.password, site.operators[1]?.password);
	for (const name of ['proxy.key.pem', 'operators.yaml']) {
		t.is((await stat(path.join(content, 'site', name))).mode & 0o777, 0o600, name);
	}
	t.is((await stat(site.folder)).mode & 0o777, 0o700);

	const { problems, warnings } = await checkPolicies(path.join(content, 'site', 'policies'), {
		parties: ['HSO', 'CP'],
		externalSources: ['Servers', 'PDU'],
	});
	t.deepEqual([problems, warnings], [[], []]);

	const again = await openBoardSite(path.join(folder, 'state'), systemClock);
	t.deepEqual(again.operators, site.operators, 'they are the same at the next start');
	const other = await openBoardSite(path.join(folder, 'other'), systemClock);
	t.not(other.operators[0]?.password, site.operators[0]?.password, 'another board has others');
});
