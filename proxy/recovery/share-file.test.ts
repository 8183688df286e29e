import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
	newRecoveryKey,
	parseOpenShare,
	readRecipient,
	renderOpenShare,
	sealShare,
	unsealShare,
} from './share-file.ts';

const meta = { backup: 'ab'.repeat(16), site: 'test', party: 'HSO', threshold: 2, parties: 3 };

const x25519 = newRecoveryKey();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaPair = {
	privateKey: String(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })),
	publicKey: String(rsa.publicKey.export({ type: 'spki', format: 'pem' })),
};

for (const [kind, pair] of [
	['X25519', x25519],
	['RSA', rsaPair],
] as const) {
	test(`${kind}: a share is opened by its party's key only, and any change is found out`, async t => {
		fc.assert(
			fc.property(fc.uint8Array({ minLength: 33, maxLength: 33 }), share => {
				const sealed = sealShare(share, readRecipient('HSO', pair.publicKey), meta);
				const opened = unsealShare(sealed, pair.privateKey);
				t.deepEqual(opened, {
					format: 'bimetal-share-1',
					...meta,
					share: Buffer.from(share).toString('base64'),
				});
				t.deepEqual(parseOpenShare('hso.share', renderOpenShare(opened)), opened);
				t.false(sealed.includes(opened.share));
			}),
			{ numRuns: 5 },
		);
		const sealed = sealShare(new Uint8Array(33).fill(7), readRecipient('HSO', pair.publicKey), meta);
		const other = newRecoveryKey();
		t.throws(() => unsealShare(sealed, other.privateKey), { code: 'ShareNotYours' });
		t.throws(() => unsealShare(sealed, 'no key'), { code: 'ShareNotYours' });
		t.throws(() => parseOpenShare('hso.share', sealed), { code: 'ShareNotOpened' });
		const document = JSON.parse(sealed);
		for (const [field, value] of [
			['backup', 'cd'.repeat(16)],
			['site', 'another'],
			['party', 'CP'],
			['threshold', 3],
			['parties', 2],
		] as const) {
			const changed = JSON.stringify({ ...document, [field]: value });
			t.throws(() => unsealShare(changed, pair.privateKey), { code: 'ShareUnreadable' }, field);
		}
		const box = Buffer.from(document.sealed.box, 'base64');
		for (let at = 0; at < box.length; at += 7) {
			const changed = Buffer.from(box);
			changed[at] = (changed[at] ?? 0) ^ 1;
			const text = JSON.stringify({
				...document,
				sealed: { ...document.sealed, box: changed.toString('base64') },
			});
			t.throws(() => unsealShare(text, pair.privateKey), { code: 'ShareUnreadable' }, `byte ${at}`);
		}
	});
}

test('what is no share, and keys that no share is encrypted to', t => {
	for (const text of ['', '{}', '[]', 'share', '{"format":"bimetal-share-1"}']) {
		t.throws(() => parseOpenShare('x', text), { code: 'ShareUnreadable' });
		t.throws(() => unsealShare(text, x25519.privateKey), { code: 'ShareUnreadable' });
	}
	const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
	const signing = generateKeyPairSync('ed25519').publicKey;
	for (const key of [weak, signing]) {
		const pem = String(key.export({ type: 'spki', format: 'pem' }));
		t.throws(() => readRecipient('HSO', pem), { code: 'RecoveryKeyMissing' });
	}
	t.throws(() => readRecipient('HSO', 'no key'), { code: 'RecoveryKeyMissing' });
});
