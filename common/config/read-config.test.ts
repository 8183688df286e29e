import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { readConfig } from './read-config.ts';
import { byteSize, duration, secretFile } from './values.ts';

const schema = z.strictObject({
	port: z.int().min(0).max(65_535),
	level: z.enum(['info', 'debug']).default('info'),
	timeout: duration.optional(),
	limit: byteSize.optional(),
	bmcs: z.array(z.strictObject({ name: z.string(), address: z.string() })).default([]),
	sources: z
		.record(
			z.string(),
			z.discriminatedUnion('from', [
				z.strictObject({ from: z.literal('http'), url: z.string() }),
				z.strictObject({ from: z.literal('mqtt'), topic: z.string() }),
			]),
		)
		.default({}),
	either: z.union([z.string(), z.array(z.string())]).optional(),
});

function problemsOf(text: string): string[] {
	try {
		readConfig({ file: 'site.yaml', schema, text });
	} catch (error) {
		if (error instanceof ConfigError) return error.message.split('\n');
		throw error;
	}
	return [];
}

test('a right file is read, its durations and sizes as numbers, and frozen all the way down', t => {
	const config = readConfig({
		file: 'site.yaml',
		schema,
		text: 'port: 0\ntimeout: 1.5s\nlimit: 1MiB\nbmcs: [{name: node1, address: x}]\n',
	});
	t.is(config.timeout, 1500);
	t.is(config.limit, 1_048_576);
	t.is(config.level, 'info');
	t.throws(() => Object.assign(config.bmcs[0] ?? {}, { name: 'node2' }), { instanceOf: TypeError });
	t.throws(() => config.bmcs.pop(), { instanceOf: TypeError });
});

test('every problem is listed with its place, in the order of the lines', t => {
	t.deepEqual(
		problemsOf(
			[
				'prot: 1',
				'level: deubg',
				'bmcs:',
				'  - name: node1',
				'    adress: x',
				'  - 7',
				'timeout: 5',
				'limit: 5 apples',
				'either: 5',
			].join('\n'),
		),
		[
			'site.yaml:1:1: "port" is missing',
			'site.yaml:1:1: unknown key "prot" (did you mean "port"?)',
			'site.yaml:2:8: "level": invalid option: expected one of "info"|"debug" (did you mean "debug"?)',
			'site.yaml:4:5: "address" is missing in "bmcs[1]"',
			'site.yaml:5:5: unknown key "adress" in "bmcs[1]" (did you mean "address"?)',
			'site.yaml:6:5: "bmcs[2]": invalid input: expected object, received number',
			'site.yaml:7:10: "timeout": expected a duration, for instance 5s',
			'site.yaml:8:8: "limit": expected a size: 512B, 64KiB, 1MiB or 2GB',
			'site.yaml:9:9: "either": invalid input: expected string, received number, or invalid input: expected array, received number',
		],
	);
});

test('unknown keys in a discriminated union are held against the alternative that was named', t => {
	t.deepEqual(problemsOf('port: 1\nsources:\n  PDU: {from: mqtt, topic: a, ulr: b}\n'), [
		'site.yaml:3:31: unknown key "ulr" in "sources.PDU" (known here: from, topic)',
	]);
	t.regex(problemsOf('port: 1\nsources:\n  PDU: {from: mqt}\n')[0] ?? '', /^site\.yaml:3:15: .*mqtt/);
});

test('what YAML leaves to guess is refused', t => {
	const cases: readonly [text: string, problem: RegExp][] = [
		['', /^site\.yaml:1:1: the file is empty$/],
		['# only a comment\n', /the file is empty/],
		['port: 1\nlevel: info\nport: 2\n', /^site\.yaml:3:1: the key "port" is given twice, first on line 1/],
		['port: 1\nbmcs:\n\t- name: x\n', /^site\.yaml:3:1: a tab is used as indentation \(use spaces\)/],
		['port: &a 1\nlevel: *a\n', /^site\.yaml:2:8: aliases/m],
		['port: 1\n---\nport: 2\n', /^site\.yaml:2:1: a second document begins here/],
		['port: !secret 1\n', /tags \(!name\) are not read/],
		['__proto__: {port: 1}\nport: 2\n', /^site\.yaml:1:1: "__proto__" is not a key/],
		['? [a, b]\n: 1\n', /a key must be a plain word/],
		['port: [1\n', /^site\.yaml:2:1: /],
		[`port: ${'['.repeat(300)}${']'.repeat(300)}\n`, /nested deeper than 100 levels/],
		['['.repeat(100_000), /nested too deeply|nested deeper/],
		[`port: 1 # ${' '.repeat(5_000_000)}`, /over 4 MiB/],
	];
	for (const [text, problem] of cases) t.regex(problemsOf(text).join('\n'), problem, text.slice(0, 40));
});

test('the "billion laughs" is refused without being laughed at', t => {
	const levels = Array.from({ length: 30 }, (_, i) =>
		i === 0 ? 'a0: &a0 [x, x]' : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`,
	);
	t.regex(problemsOf(levels.join('\n')).join('\n'), /aliases/);
});

test('a file that is not there, a folder, and bytes that are not UTF-8', t => {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-config-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0xe9, 0x0a]));
	const read = (file: string) => () => readConfig({ file, schema });
	t.throws(read(join(folder, 'none.yaml')), { instanceOf: ConfigError, message: /there is no such file/ });
	t.throws(read(folder), { instanceOf: ConfigError, message: /this is a folder/ });
	t.throws(read(join(folder, 'latin1.yaml')), { instanceOf: ConfigError, message: /not UTF-8/ });
});

test('a secret is named by a file, relative to the configuration, that nobody else can read', t => {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-config-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 'key');
	const read = () =>
		readConfig({
			file: join(folder, 'site.yaml'),
			schema: base => z.strictObject({ key: secretFile(base) }),
			text: 'key: key\n',
		});
	t.throws(read, { message: /site\.yaml:1:6: .*there is no file/ });
	writeFileSync(path, '', { mode: 0o600 });
	t.throws(read, { message: /is empty/ });
	writeFileSync(path, 'hunter2');
	t.deepEqual(read(), { key: path });
	chmodSync(path, 0o640);
	t.throws(read, { message: /chmod 600/ });
});

test('durations and sizes', t => {
	const spans: Record<string, number> = {
		'500ms': 500,
		'5s': 5000,
		'15m': 900_000,
		'8h': 28_800_000,
		'1d': 86_400_000,
	};
	for (const [text, ms] of Object.entries(spans)) t.is(duration.parse(text), ms);
	const sizes: Record<string, number> = { '512B': 512, '64KiB': 65_536, '2GB': 2e9, '0.5MiB': 524_288 };
	for (const [text, bytes] of Object.entries(sizes)) t.is(byteSize.parse(text), bytes);
	for (const wrong of ['', '5', '-5s', '5 s', '5S', '1e3s', '.5s', 's'])
		t.false(duration.safeParse(wrong).success, wrong);
	for (const wrong of ['', '5', '-5B', '5mb', '1k', '1kiB'])
		t.false(byteSize.safeParse(wrong).success, wrong);
});
