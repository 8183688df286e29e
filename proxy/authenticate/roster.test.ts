import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { createRoster, rosterFile } from './roster.ts';

const print = 'AB:'.repeat(31).concat('cd');

test('finds operators by name; disabled ones are not there', t => {
	const { operators } = rosterFile.parse({
		operators: [
			{ name: 'b', party: 'CP', certificate: print },
			{ name: 'a', party: 'HSO' },
			{ name: 'gone', party: 'HSO', disabled: true },
		],
	});
	const roster = createRoster(operators, ['HSO', 'CP']);
	t.deepEqual(roster.operators, [
		{ name: 'a', party: 'HSO' },
		{ name: 'b', party: 'CP' },
	]);
	t.is(roster.find('b')?.certificate, `${'ab'.repeat(31)}cd`);
	t.is(roster.find('gone'), undefined);
	t.is(roster.find('A'), undefined);
	t.is(roster.find('constructor'), undefined);
});

test('says everything that is wrong', t => {
	const error = t.throws(
		() =>
			createRoster(
				[
					{ name: 'a', party: 'HSO' },
					{ name: 'A', party: 'HSO', disabled: true },
					{ name: 'b', party: 'XX' },
				],
				['HSO'],
			),
		{ code: 'RosterInvalid' },
	);
	t.regex(error?.message ?? '', /operator A is listed twice.*operator b is of party XX/);
});

test('a person may have several accounts of one party, and of one party alone', t => {
	const roster = createRoster(
		[
			{ name: 'ann', party: 'HSO' },
			{ name: 'ann-laptop', party: 'HSO', person: 'ann' },
		],
		['HSO', 'CP'],
	);
	t.is(roster.find('ann')?.person, 'ann');
	t.is(roster.find('ann-laptop')?.person, 'ann');
	const error = t.throws(
		() =>
			createRoster(
				[
					{ name: 'ann', party: 'HSO' },
					{ name: 'b', party: 'CP', person: 'Ann' },
				],
				['HSO', 'CP'],
			),
		{ code: 'RosterInvalid' },
	);
	t.regex(error?.message ?? '', /ann has accounts of HSO and CP; nobody speaks for two parties/);
});

test('a plain password, an odd name, an unknown key or a short fingerprint is refused', t => {
	for (const entry of [
		{ name: 'a', party: 'HSO', password: 'secret' },
		{ name: 'a:b', party: 'HSO' },
		{ name: '', party: 'HSO' },
		{ name: 'a', party: 'HSO', role: 'admin' },
		{ name: 'a', party: 'HSO', certificate: 'abcd' },
	]) {
		t.false(rosterFile.safeParse({ operators: [entry] }).success, JSON.stringify(entry));
	}
});

test('the version changes with party, password and pin, and not otherwise', t => {
	const version = (entry: object) =>
		createRoster(rosterFile.parse({ operators: [{ name: 'a', party: 'HSO', ...entry }] }).operators, [
			'HSO',
			'CP',
		]).find('a')?.version;
	t.is(version({}), version({ disabled: false }));
	t.is(new Set([version({}), version({ party: 'CP' }), version({ certificate: print })]).size, 3);
});

test('a public key is taken as text or as PEM, and nothing else is', t => {
	const { publicKey: pair, privateKey } = generateKeyPairSync('ed25519');
	const pem = pair.export({ type: 'spki', format: 'pem' }).toString();
	const text = `ed25519:${pair.export({ format: 'jwk' }).x}`;
	const parse = (key: string) => rosterFile.safeParse({ operators: [{ name: 'a', party: 'CP', key }] });
	for (const given of [text, pem]) {
		const entries = parse(given).data?.operators ?? [];
		t.is(createRoster(entries, ['CP']).find('a')?.key, text);
	}
	const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
	const wrong = [
		'',
		text.slice(0, -1),
		`${text}=`,
		text.toUpperCase(),
		privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
		rsa.export({ type: 'spki', format: 'pem' }).toString(),
	];
	for (const given of wrong) t.false(parse(given).success, given);
});
