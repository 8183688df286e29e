import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digest, type FakeProxy, requestView } from '../../proxy/client/test-proxy.ts';
import { approvalPurpose, renderStatement } from '../../proxy/client.ts';
import { verifyText } from '../../proxy/governance/signing-key.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

const lastBody = ({ calls }: FakeProxy): object => Object(calls.at(-1)?.body);

for (const isEncrypted of [false, true]) {
	test(`approve signs with the ${isEncrypted ? 'encrypted ' : ''}key that keygen made`, async t => {
		const { proxy, terminal, home } = t.context;
		proxy.requests.set('01K3Q8', requestView());
		const passphrase = path.join(home, 'passphrase');
		await writeFile(passphrase, 'correct horse\n');
		const more = isEncrypted ? ['--passphrase-file', passphrase] : [];
		const made = await terminal().run('operator', 'keygen', '--as', 'cp', '--json', ...more);
		t.is(made.code, 0, made.err);
		const { publicKey, file } = JSON.parse(made.out);
		t.is((await stat(file)).mode & 0o777, 0o600);
		t.is((await readFile(file, 'utf8')).includes('ENCRYPTED'), isEncrypted);

		const ran = await terminal().run('approve', '01K3Q8', '--as', 'cp', '--comment', 'yes', ...more);
		t.is(ran.code, 0, ran.err);
		const { signed } = lastBody(proxy) as { signed: { at: string; signature: string } };
		const statement = renderStatement({
			requestId: '01K3Q8',
			digest,
			decision: 'approve',
			operator: 'cp-operator',
			party: 'CP',
			at: Date.parse(signed.at),
			comment: 'yes',
		});
		t.true(verifyText(publicKey, approvalPurpose, statement, signed.signature));

		const again = await terminal().run('operator', 'keygen', '--as', 'cp');
		t.is(again.code, 2, 'a key is not replaced');
		if (isEncrypted) t.is((await terminal().run('deny', '01K3Q8', '--as', 'cp', '--reason', 'no')).code, 2);
	});
}

test('deny and withdraw are signed as well; another profile’s key is not used', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('a', requestView({ id: 'a' })).set('b', requestView({ id: 'b' }));
	await terminal().run('operator', 'keygen', '--as', 'cp');
	t.is((await terminal().run('deny', 'a', '--as', 'cp', '--reason', 'no')).code, 0);
	t.true('signed' in lastBody(proxy));
	t.is((await terminal().run('withdraw', 'b', '--as', 'hso')).code, 0);
	t.deepEqual(proxy.calls.at(-1)?.body, {});
});
