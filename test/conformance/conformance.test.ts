// The rules of the Redfish specification, held against the emulated BMC and against the proxy; docs/conformance.md
// is what came out, and this test fails when that page says something else.
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { renderPage } from './page.ts';
import { rules } from './rules.ts';
import { startServices } from './services.ts';

const started = startServices();
test.after.always(async () => (await started).close());

for (const name of ['bmc', 'proxy'] as const) {
	for (const rule of rules) {
		if (rule.moot?.[name] !== undefined) continue;
		test.serial(`${rule.id}, ${name}: ${rule.rule}`, async t => {
			const service = (await started).services.find(one => one.name === name);
			if (!service) throw new Error(`no ${name}`);
			const found = await rule.check(service);
			if (rule.broken?.[name] === undefined) t.is(found, undefined);
			else t.is(typeof found, 'string', 'it holds now: say so in the rule');
		});
	}
}

test('docs/conformance.md says what these tests show', async t => {
	const page = new URL('../../docs/conformance.md', import.meta.url);
	const rendered = renderPage(rules);
	if (process.env.UPDATE_GOLDEN !== undefined) await writeFile(page, rendered);
	t.is(await readFile(page, 'utf8'), rendered);
});

test('every rule has an id of its own', t => {
	t.is(new Set(rules.map(({ id }) => id)).size, rules.length);
});
