// docs/errors.md lists every code of every table, as the tables have them: code and documents cannot disagree.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { attestErrorTable } from '../attest/errors.ts';
import type { ErrorTable } from '../common/errors/error-table.ts';
import { eventErrorTable } from '../common/events/errors.ts';
import { httpErrorTable } from '../common/http/errors.ts';
import { hilErrorTable } from '../hil/errors.ts';
import { marketErrorTable } from '../market/errors.ts';
import { provisionerErrorTable } from '../provisioner/errors.ts';
import { enrolErrorTable } from '../proxy/enrol/errors.ts';
import { proxyErrorTable } from '../proxy/errors.ts';
import { eventErrorTable as followErrorTable } from '../proxy/events/errors.ts';
import { filterErrorTable } from '../proxy/filter/errors.ts';
import { governanceErrorTable } from '../proxy/governance/errors.ts';
import { recoveryErrorTable } from '../proxy/recovery/errors.ts';

const tables: Readonly<Record<string, ErrorTable>> = {
	Proxy: proxyErrorTable,
	'Filtering answers': filterErrorTable,
	'Following events': followErrorTable,
	'Management APIs and listening': httpErrorTable,
	Events: eventErrorTable,
	'Enrolling BMCs': enrolErrorTable,
	'Backup and recovery': recoveryErrorTable,
	Governance: governanceErrorTable,
	'Allocating nodes and networks': hilErrorTable,
	'Images, disks and booting from them': provisionerErrorTable,
	Attestation: attestErrorTable,
	'The market': marketErrorTable,
};

test('docs/errors.md lists each error code with its status and meaning, and no other', t => {
	const documented = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
	const expected = Object.entries(tables)
		.map(([title, table]) => {
			const rows = Object.entries(table).map(
				([code, { status, meaning }]) => `| \`${code}\` | ${status} | ${meaning} |`,
			);
			return [`## ${title}`, '', '| Code | Status | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
		})
		.join('\n\n');
	const found = documented.slice(documented.indexOf('\n## ') + 1).trimEnd();
	t.is(found, expected, 'bring the tables of docs/errors.md up to what the code has');
});
