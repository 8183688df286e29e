import test from 'ava';
import fc from 'fast-check';
import { ConfigError } from '../../common/config/config-error.ts';
import { agreementFile, missingFor, readAgreement } from './agreement.ts';
import { agreementText, breakGlass, changed, keys, plainFiles, sign, signAll } from './governance.fixture.ts';
import { commonScope, parseManifest, renderManifest } from './manifest.ts';
import { signPart } from './sign-part.ts';
import { generateSigningKey } from './signing-key.ts';
import { manifestName, type Snapshot, scopeOfFile, signatureName } from './snapshot.ts';
import { type Verified, verifySnapshot } from './verify.ts';

const parties = { HSO: undefined, CP: undefined };
const verify = (snapshot: Snapshot, inForce?: Verified) =>
	verifySnapshot({ snapshot, site: 'test', parties, inForce, prefix: 'policies/' });
const founding = signAll(plainFiles());

function refused(
	t: import('ava').ExecutionContext,
	snapshot: Snapshot,
	expected: RegExp,
	inForce?: Verified,
) {
	const error = t.throws(() => verify(snapshot, inForce), { instanceOf: ConfigError });
	t.regex(error?.message ?? '', expected);
}

test('a founding that all parties signed is taken, with a part for each of them', t => {
	const { agreement, parts } = verify(founding);
	t.deepEqual(Object.keys(parts), ['common', 'HSO', 'CP']);
	t.deepEqual(agreement.quorums, [['HSO', 'CP']]);
	t.is(agreement.breakGlass.HSO?.maxDuration, 30 * 60_000);
});

test('property: no byte of any file, manifest or signature can be another one', t => {
	const names = [...founding.keys()];
	fc.assert(
		fc.property(
			fc.constantFrom(...names),
			fc.nat(),
			fc.constantFrom('0', 'A', 'z', ' ', '\n', '=', '#', ''),
			(name, at, put) => {
				const text = founding.get(name) ?? '';
				const place = at % text.length;
				const other = text.slice(0, place) + put + text.slice(place + 1);
				fc.pre(other !== text);
				try {
					verify(changed(founding, { [name]: other }));
				} catch (error) {
					return error instanceof ConfigError;
				}
				return false;
			},
		),
		{ numRuns: 600 },
	);
	t.pass();
});

test('what is missing, added or moved is named with its file, its party and what to do', t => {
	const without = (name: string) => new Map([...founding].filter(([each]) => each !== name));
	refused(
		t,
		without('hso/power.yaml'),
		/policies\/hso\/power\.yaml:1:1: it is signed, and not here \(HSO signs it: bimetal policy sign/,
	);
	refused(
		t,
		without('hso/manifest.json'),
		/policies\/hso\/manifest\.json:1:1: HSO’s policies are not signed/,
	);
	refused(t, without('cp/manifest.json.sig'), /policies\/cp\/manifest\.json\.sig:1:1: CP has not signed/);
	refused(
		t,
		without('manifest.json.cp.sig'),
		/CP has not signed the founding agreement \(each party signs it: bimetal agreement sign/,
	);
	refused(t, without(agreementFile), /there is no founding agreement/);
	refused(
		t,
		changed(founding, { 'hso/more.yaml': '{}\n' }),
		/policies\/hso\/more\.yaml:1:1: it is here, and not signed/,
	);
	refused(
		t,
		changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: false\n' }),
		/it is not what was signed/,
	);
	const { HSO, CP } = { HSO: founding.get('hso/manifest.json'), CP: founding.get('cp/manifest.json') };
	refused(t, changed(founding, { 'hso/manifest.json': CP ?? '' }), /it is signed as CP/);
	refused(t, changed(founding, { 'cp/manifest.json': HSO ?? '' }), /it is signed as HSO/);
});

test('one party cannot sign for another', t => {
	const mine = generateSigningKey();
	const agreement = readAgreement(agreementFile, founding.get(agreementFile) ?? '');
	t.throws(
		() => signPart({ snapshot: founding, agreement, scope: 'CP', party: 'CP', privatePem: mine.privatePem }),
		{ code: 'SignatureInvalid' },
	);
	const forged = sign(changed(founding, { 'cp/power.yaml': 'Reset:\n  cp.pre: false\n' }), 'CP', 'CP');
	const hsos = founding.get('manifest.json.hso.sig') ?? '';
	refused(t, changed(forged, { 'cp/manifest.json.sig': hsos }), /this is not CP’s signature of it/);
	refused(t, changed(founding, { 'manifest.json.cp.sig': hsos }), /this is not CP’s signature of it/);
});

test('an agreement for another site, other parties or other roots is refused', t => {
	const snapshot = founding;
	const check = (changes: Partial<Parameters<typeof verifySnapshot>[0]>, expected: RegExp) => {
		const options = { snapshot, site: 'test', parties, inForce: undefined, prefix: '', ...changes };
		t.regex(t.throws(() => verifySnapshot(options), { instanceOf: ConfigError })?.message ?? '', expected);
	};
	check({ site: 'other' }, /it is for the site "test", and this is "other"/);
	check({ parties: { ...parties, SI: undefined } }, /SI of the site file is no party of it/);
	check({ parties: { HSO: undefined } }, /the site file does not have its party CP/);
	check({ parties: { ...parties, HSO: 'ab'.repeat(32) } }, /the root certificate of HSO in the site file/);
});

test('an older version of a part is refused, though it was signed rightly', t => {
	const first = verify(founding);
	const second = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: false\n' }), 'HSO', 'HSO');
	const inForce = verify(second, first);
	t.is(inForce.parts.HSO?.version, 2);
	refused(t, founding, /it is version 1 of HSO’s policies, and version 2 is in force/, inForce);
	const rival = sign(changed(founding, { 'hso/power.yaml': 'Reset:\n  hso.pre: 1==1\n' }), 'HSO', 'HSO');
	refused(t, rival, /it is version 2 of HSO’s policies, and version 2 is in force/, inForce);
	t.notThrows(() => verify(second, inForce));
});

test('the table takes the quorum of the agreement in force, not of the one that it brings', t => {
	const first = verify(founding);
	const eased = changed(founding, { [agreementFile]: agreementText('', 'HSO or CP') });
	const alone = sign(eased, commonScope, 'HSO');
	refused(t, alone, /the agreement in force asks for HSO and CP; missing: CP/, first);
	const both = verify(sign(alone, commonScope, 'CP'), first);
	const another = changed(sign(alone, commonScope, 'CP'), {
		[agreementFile]: agreementText(breakGlass, 'HSO or CP'),
	});
	t.notThrows(() => verify(sign(another, commonScope, 'CP'), both));
});

test('a key is replaced with the signatures of the old and of the new one', t => {
	const first = verify(founding);
	const next = generateSigningKey();
	const text = agreementText(breakGlass).replace(keys.HSO.publicKey, next.publicKey);
	const snapshot = changed(founding, { [agreementFile]: text });
	const agreement = readAgreement(agreementFile, text);
	const scope = commonScope;
	const by = (files: Snapshot, privatePem: string, former = false): Snapshot => {
		const signed = signPart({ snapshot: files, agreement, scope, party: 'HSO', privatePem, former });
		return new Map([...[...files].filter(([name]) => !signed.stale.includes(name)), ...signed.files]);
	};
	const withNew = by(snapshot, next.privatePem);
	refused(t, sign(withNew, scope, 'CP'), /missing: HSO/, first);
	const withOld = by(snapshot, keys.HSO.privatePem, true);
	refused(t, sign(withOld, scope, 'CP'), /HSO has not signed with the key that it brings/, first);
	const both = sign(by(withNew, keys.HSO.privatePem, true), scope, 'CP');
	const taken = verify(both, first);
	t.is(taken.agreement.parties.HSO?.signingKey, next.publicKey);
	t.notThrows(() => verify(both, taken), 'what HSO signed with its old key stays signed');
	refused(
		t,
		sign(changed(both, { 'hso/power.yaml': '{}\n' }), 'CP', 'CP'),
		/it is not what was signed/,
		taken,
	);
});

test('an agreement that makes no sense is refused with its place', t => {
	const bad = (text: string, expected: RegExp) =>
		t.regex(
			t.throws(() => readAgreement('agreement.yaml', text), { instanceOf: ConfigError })?.message ?? '',
			expected,
		);
	bad(agreementText('', 'HSO and cp'), /a policy cannot sign/);
	bad(agreementText('', 'closed'), /an agreement that nobody can change/);
	bad(agreementText('', 'HSO and SI'), /unknown party "SI"/);
	bad(agreementText().replace(keys.CP.publicKey, keys.HSO.publicKey), /CP has a key or root of HSO/);
	bad(agreementText().replace(keys.CP.publicKey, 'ed25519:x'), /expected a key/);
	bad(agreementText(breakGlass.replace('HSO', 'SI')), /SI is no party of this agreement/);
	bad(agreementText(breakGlass.replace('30m', '30h')), /expected 1s to 24h/);
	bad(agreementText(breakGlass.replace('maxUses: 3', 'maxUses: 0')), /maxUses/);
	bad(agreementText('breakglass: {}\n'), /unknown key "breakglass"/);
});

test('a quorum lacks what its shortest alternatives lack, and nothing once one is complete', t => {
	const quorums = [
		['HSO', 'CP'],
		['HSO', 'SI'],
		['CP', 'SI'],
	];
	t.deepEqual(
		missingFor({ quorums }, new Set()),
		quorums.map(quorum => [...quorum].sort()),
	);
	t.deepEqual(missingFor({ quorums }, new Set(['HSO'])), [['CP'], ['SI'], ['CP', 'SI']]);
	t.deepEqual(missingFor({ quorums }, new Set(['SI', 'CP'])), []);
});

test('only the one text of a manifest is one', t => {
	const text = founding.get('hso/manifest.json') ?? '';
	const manifest = parseManifest(text);
	t.truthy(manifest);
	t.is(parseManifest(JSON.stringify(manifest)), undefined);
	t.is(parseManifest(`${text} `), undefined);
	t.is(parseManifest(text.replace('"version": 1', '"version": 1, "version": 1')), undefined);
	if (manifest)
		t.is(
			parseManifest(renderManifest({ ...manifest, files: [...manifest.files, ...manifest.files] })),
			undefined,
		);
});

test('names that lead elsewhere belong to no part', t => {
	const all = ['HSO', 'CP'];
	for (const name of [
		'../x.yaml',
		'/etc/x.yaml',
		'hso/../cp/x.yaml',
		'si/x.yaml',
		'hso/a/b.yaml',
		'hso//x.yaml',
		'.x.yaml',
		'hso/.x.yaml',
		'x.txt',
		'cases.yaml',
		'hso\\x.yaml',
		'',
		'hso/',
		'hso/x.yaml\0',
	])
		t.is(scopeOfFile(name, all), undefined, name);
	t.is(scopeOfFile('hso/x.yaml', all), 'HSO');
	t.is(scopeOfFile('operations.yaml', all), commonScope);
	t.is(scopeOfFile(manifestName('CP'), all), 'CP');
	t.is(scopeOfFile(signatureName(commonScope, 'CP'), all), commonScope);
});
