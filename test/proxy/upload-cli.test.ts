// `bimetal request ID --image FILE` against the real proxy: what an approver has in hand is what an approval would send.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { createTerminal } from '../../cli/test-terminal.ts';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { startTestProxy } from './start-proxy.ts';
import { form, imagePart, multipartPath, parametersPart, spooled } from './upload.ts';

test('an approver saves the image, sees how far it is, and has its hash checked', async t => {
	const site = await startTestProxy();
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-image-'));
	t.teardown(async () => {
		await site.close();
		await rm(folder, { recursive: true });
	});
	const at = (name: string) => path.join(folder, name);
	await writeFile(at('password'), 'pw-cp-operator\n');
	await writeFile(at('ca.pem'), site.ca);
	const run = (...argv: string[]) =>
		createTerminal({ cwd: folder }).run(
			...argv,
			...[
				'--url',
				site.url,
				'--user',
				'cp-operator',
				'--password-file',
				at('password'),
				'--ca',
				at('ca.pem'),
			],
		);
	const image = testImage(3 * 1024 * 1024);
	const { json } = await site.at('hso-operator')(
		'POST',
		multipartPath,
		form([parametersPart('{}'), imagePart(image)]),
	);

	const shown = await run('request', json.Id);
	t.regex(shown.out, /^image {2,}obmc\.tar, 3145728 bytes\n {2,}SHA-256 [0-9a-f]{64}$/m);
	const saved = await run('request', json.Id, '--image', 'it.tar');
	t.is(saved.code, 0, saved.err);
	t.regex(saved.out, /^it\.tar: 3145728 bytes, SHA-256 [0-9a-f]{64}, as the request has it\n$/);
	t.regex(saved.err, /3\.0 of 3\.0 MiB/);
	t.true((await readFile(at('it.tar'))).equals(image));
	const told = await run('request', json.Id, '-o', 'again.tar', '--json');
	t.like(JSON.parse(told.out), { id: json.Id, file: 'again.tar', size: image.length, fileName: 'obmc.tar' });
	t.is((await run('request', json.Id, '--image', '-')).out.length, image.toString().length);

	// Changed where it is kept: refused, and no file of that name.
	const [file = ''] = await spooled(site);
	await writeFile(path.join(site.folder, 'uploads', file), testImage(image.length, 0x11));
	const changed = await run('request', json.Id, '--image', 'changed.tar');
	t.is(changed.code, 1, changed.out);
	t.regex(changed.err, /is not the image of the request.*\n.*do not approve it/s);
	const gone = await run('request', json.Id, '--image', '/nonexistent/it.tar');
	t.is(gone.code, 2);
	await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${json.Id}/withdraw`, { body: {} });
	t.not((await run('request', json.Id, '--image', 'gone.tar')).code, 0);
	const reset = await site.at('hso-operator')(
		'POST',
		'/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults',
		{
			body: { ResetType: 'ResetAll' },
		},
	);
	t.regex((await run('request', reset.json.Id, '--image', 'none.tar')).err, /has no image/);
	t.deepEqual((await readdir(folder)).sort(), ['again.tar', 'ca.pem', 'it.tar', 'password']);
});
