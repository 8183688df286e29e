import test from 'ava';
import fc from 'fast-check';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { filesOfBundle, makeBundle, parseBundle, renderBundle } from './bundle.ts';
import { bundleOf, plainFiles, signAll } from './governance.fixture.ts';
import { commonScope } from './manifest.ts';

const parties = ['HSO', 'CP'];
const founding = signAll(plainFiles());
const read = (text: string | Uint8Array) => {
	const bundle = parseBundle(typeof text === 'string' ? Buffer.from(text) : text);
	return filesOfBundle(bundle, parties);
};

test('a bundle holds one part, and reads back as it was written', t => {
	for (const scope of [commonScope, ...parties]) {
		const bundle = bundleOf(founding, scope);
		t.deepEqual(parseBundle(Buffer.from(renderBundle(bundle))), bundle);
		t.deepEqual([...read(renderBundle(bundle))], Object.entries(bundle.files));
	}
	t.deepEqual(Object.keys(bundleOf(founding, 'HSO').files), [
		'hso/manifest.json',
		'hso/manifest.json.sig',
		'hso/power.yaml',
	]);
});

test('names that lead out of the part, or to no policy file, are refused', t => {
	const names = [
		'../hso/x.yaml',
		'/hso/x.yaml',
		'hso/../../x.yaml',
		'hso/a/x.yaml',
		'cp/x.yaml',
		'operations.yaml',
		'hso/x.sh',
		'hso/',
		'',
		'.',
		'hso/.x.yaml',
		'HSO/x.yaml',
		'hso\\x.yaml',
		'hso/x.yaml\n',
		'C:x.yaml',
		'manifest.json',
	];
	for (const name of names) {
		t.throws(
			() => read(renderBundle(makeBundle('HSO', new Map([[name, '']])))),
			{ code: 'BundleInvalid' },
			name,
		);
	}
	t.throws(() => read(renderBundle(makeBundle('SI', new Map()))), { code: 'BundleInvalid' });
});

test('what is too large, twice there, or not a bundle is refused', t => {
	const bundle = bundleOf(founding, 'HSO');
	const text = renderBundle(bundle);
	const bad = [
		'',
		'null',
		'[]',
		'{}',
		`${text}x`,
		text.replace('bimetal bundle 1', 'bimetal bundle 2'),
		text.replace('"scope"', '"scope": "CP", "scope"'),
		text.replace('"hso/power.yaml"', '"hso/manifest.json"'),
		text.replace('"files"', '"more": 1, "files"'),
		JSON.stringify({ ...bundle, files: { 'hso/x.yaml': 1 } }),
		JSON.stringify({ ...bundle, files: { 'hso/x.yaml': 'x'.repeat(256 * 1024 + 1) } }),
		' '.repeat(900 * 1024 + 1),
	];
	for (const each of bad) t.throws(() => read(each), { code: 'BundleInvalid' }, each.slice(0, 100));
	t.throws(() => read(Uint8Array.of(0xff, 0xfe)), { code: 'BundleInvalid' });
});

test('property: any bytes are a bundle or are refused with a reason', t => {
	const text = renderBundle(bundleOf(founding, 'HSO'));
	const mutated = fc
		.tuple(fc.nat(text.length), fc.string({ unit: 'binary', maxLength: 3 }))
		.map(([at, more]) => Buffer.from(text.slice(0, at) + more + text.slice(at + more.length)));
	fc.assert(
		fc.property(
			fc.oneof(
				fc.uint8Array({ maxLength: 200 }),
				fc.json().map(json => Buffer.from(json)),
				mutated,
			),
			bytes => {
				try {
					read(bytes);
				} catch (error) {
					return error instanceof BimetalError && error.code === 'BundleInvalid';
				}
				return true;
			},
		),
		{ numRuns: 500 },
	);
	t.pass();
});
