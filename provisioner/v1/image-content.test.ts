import { createHash } from 'node:crypto';
import test from 'ava';
import { request } from 'undici';
import { startProvisioner } from '../provisioner.fixture.ts';

const basic = (name: string) => ({
	authorization: `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`,
});

test('an image is exported with its digest, to those who may see it', async t => {
	const bench = await startProvisioner(t);
	await bench.image('red', 'debian', 'what it holds');
	const at = `${bench.url}/v1/images/debian/content`;
	const answer = await request(`${at}?format=raw`, { headers: basic('alice') });
	t.is(answer.headers['content-disposition'], 'attachment; filename="debian-1.img"');
	t.is(await answer.body.text(), 'what it holds');
	const digest = createHash('sha256').update('what it holds').digest('base64');
	t.is(answer.trailers['repr-digest'], `sha-256=:${digest}:`);
	t.is((await fetch(at, { headers: basic('bob') })).status, 404);
	t.is((await fetch(`${at}?format=vmdk`, { headers: basic('alice') })).status, 400);
	t.is((await fetch(at, { method: 'HEAD', headers: basic('alice') })).status, 200);
});
