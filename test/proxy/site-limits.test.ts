import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { readSite } from '../../proxy/site.ts';
import { createTestTls, writeSiteFolder } from '../site-folder.ts';

test('limits of a site: `none` is none, and what it does not say is as documented', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-limits-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const { config } = await writeSiteFolder(folder, {
		tls: await createTestTls(),
		bmcs: { node1: { url: 'https://127.0.0.1:1', password: 'a-password' } },
		policies: {
			'operations.yaml': '- { type: T, operation: O, description: d, match: GET /redfish/v1/A, p2c: HSO }',
		},
		limits: { perOperator: 'none' },
	});
	const { limits, coalesce } = readSite(config);
	t.is(limits.perOperator, undefined);
	t.deepEqual(limits.perParty, { rate: 1000, burst: 2000, concurrent: 1000 });
	t.true(coalesce);
});
