import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { formatProblem } from '../../common/config/config-error.ts';
import { checkPolicies } from './check-policies.ts';

const site = { parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] };

test('the shipped policies are free of problems and of warnings', async t => {
	const folder = fileURLToPath(new URL('../../policies', import.meta.url));
	t.deepEqual(await checkPolicies(folder, site), { problems: [], warnings: [] });
});

test('what nobody can have meant is a warning; what cannot be read is a problem', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'policies-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const row = (name: string, path: string, p2c: string) =>
		`- {type: X, operation: ${name}, description: d, match: GET /redfish/v1/${path}, p2c: ${p2c}}\n`;
	await writeFile(
		join(folder, 'operations.yaml'),
		row('A', 'A', 'HSO and cp') + row('B', 'B', 'HSO or CP') + row('C', 'C', 'hso'),
	);
	await mkdir(join(folder, 'hso'));
	await writeFile(join(folder, 'hso/x.yaml'), 'B:\n  hso.pre: true\nC:\n  hso.pre: true\n');
	const { problems, warnings } = await checkPolicies(folder, site);
	t.deepEqual(problems, []);
	t.deepEqual(
		warnings.map(warning => formatProblem(warning).replace(`${folder}/`, '')),
		[
			'operations.yaml:1:24: "A": "HSO and cp" can never hold, because CP has no policy for it (write cp.pre: true in cp/ if there is no condition)',
			'hso/x.yaml:2:3: HSO\'s policy for "B" is never asked: HSO or CP does not name hso (remove it, or change the table)',
			'operations.yaml:3:24: "C": "hso" lets an operator of any party do it (name in capitals who must authorize)',
		],
	);
	await writeFile(join(folder, 'hso/x.yaml'), 'B:\n  hso.pre: tru\n');
	const second = await checkPolicies(folder, site);
	t.is(second.problems.length, 1);
	t.deepEqual(second.warnings, []);
});
