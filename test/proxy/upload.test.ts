// An image on its way: received into a file while it is hashed, decided on with its hash and parameters, shown to its
// approvers, sent as the proxy's own form, and gone when it is over.
import { createHash } from 'node:crypto';
import { appendFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';
import { form, imagePart, multipartPath, octets, octetsPath, parametersPart, spooled } from './upload.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const inventory = '/redfish/v1/UpdateService/FirmwareInventory/bmc_active';
const image = testImage(200_000);

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site.close());
test.serial.afterEach.always('nothing of an image that is over is left', async t => {
	await emptied(t);
});

async function upload(parameters = `{"Targets":["${inventory}"]}`) {
	const reply = await site.at('hso-operator')(
		'POST',
		multipartPath,
		form([parametersPart(parameters), imagePart(image)]),
	);
	const id: string = reply.json?.Id;
	const view = async (what = '') =>
		(await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}${what}`)).json;
	const { digest } = await view();
	const act = (who: string, what: string, body: unknown) =>
		site.ask(who, 'POST', `/p2c/v1/requests/${id}/${what}`, { body });
	return { reply, id, view, digest, act };
}
const executed = () => site.bmcs.node1.executed.filter(({ path: asked }) => asked === multipartPath);
/** It is removed once the request has ended: at once, but not before anybody is told. */
const emptied = async (t: ExecutionContext, meanwhile = () => {}) => {
	// Of real time: what is waited for is a disk.
	for (const end = Date.now() + 20_000; (await spooled(site)).length > 0; ) {
		if (Date.now() > end) return t.deepEqual(await spooled(site), []);
		meanwhile();
		await new Promise(resolve => setImmediate(resolve));
	}
};

test.serial(
	'who approves sees hash, size and parameters, can take the image, and that very one is sent',
	async t => {
		const { reply, id, view, digest, act } = await upload(
			`{ "Targets": ["${inventory}"],\n "@Redfish.OperationApplyTime":"Immediate"}`,
		);
		t.is(reply.status, 202);
		const [file = ''] = await spooled(site);
		t.is((await stat(path.join(site.folder, 'uploads', file))).mode & 0o777, 0o600);
		const shown = (await view('/review')).upload;
		t.deepEqual(shown, {
			contentType: 'multipart/form-data',
			size: image.length,
			sha256: sha256(image),
			fileName: 'obmc.tar',
			parameters: { Targets: [inventory], '@Redfish.OperationApplyTime': 'Immediate' },
		});
		t.deepEqual((await view()).body, shown);
		const taken = await site.ask('cp-two', 'GET', `/p2c/v1/requests/${id}/image`);
		t.is(taken.headers['content-length'], String(image.length));
		t.is(sha256(Buffer.from(taken.text)), sha256(image));
		t.is((await site.ask(null, 'GET', `/p2c/v1/requests/${id}/image`)).status, 401);

		t.is((await act('cp-operator', 'approve', { digest })).json.state, 'executed');
		const last = executed().at(-1);
		t.is(last?.status, 202);
		t.is(last?.image?.sha256, sha256(image));
		const sent = site.spies.node1.received();
		t.true(sent.includes(`{"Targets":["${inventory}"],"@Redfish.OperationApplyTime":"Immediate"}`));
		t.false(sent.includes('--abc'), 'the client’s own boundary goes nowhere');
		const decision = site.records.findLast(
			record => record.kind === 'decision' && record.verdict === 'execute',
		);
		t.like(decision, {
			request: { image: { sha256: sha256(image), size: image.length, fileName: 'obmc.tar' } },
		});
		t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}/image`)).status, 409);
	},
);

test.serial('an image alone is sent as it came', async t => {
	const reply = await site.at('hso-operator')('POST', octetsPath, octets(image));
	const { digest } = (await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${reply.json.Id}`)).json;
	await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${reply.json.Id}/approve`, { body: { digest } });
	const last = site.bmcs.node1.executed.at(-1);
	t.is(last?.image?.sha256, sha256(image));
	t.is(last?.image?.size, image.length);
});

test.serial('links of a prefix in the parameters are the BMC’s own when it is decided on', async t => {
	const asked = form([imagePart(image), parametersPart(`{"Targets":["/bmc/node1${inventory}"]}`)]);
	const reply = await site.ask('hso-operator', 'POST', `/bmc/node1${multipartPath}`, asked);
	const view = await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${reply.json.Id}`);
	t.deepEqual(view.json.body.parameters, { Targets: [inventory] });
	await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${reply.json.Id}/withdraw`, { body: {} });
});

test.serial('denied, withdrawn or expired, it is gone', async t => {
	const denied = await upload();
	await denied.act('cp-operator', 'deny', { reason: 'not this one' });
	await emptied(t);
	const withdrawn = await upload();
	await withdrawn.act('hso-operator', 'withdraw', {});
	await emptied(t);
	await upload();
	t.is((await spooled(site)).length, 1);
	site.clock.advance(16 * 60_000);
	await emptied(t, () => site.clock.advance(5000));
});

test.serial('an image that was changed where it is kept is not sent to its end', async t => {
	const before = executed().length;
	for (const [change, state] of [
		[(file: string) => writeFile(file, testImage(image.length, 0x5b)), 'failed'],
		[(file: string) => appendFile(file, 'more'), 'denied'],
	] as const) {
		const { view, digest, act } = await upload();
		const [file = ''] = await spooled(site);
		await change(path.join(site.folder, 'uploads', file));
		const { json } = await act('cp-operator', 'approve', { digest });
		t.is(json.state, state);
		t.regex((await view()).ended.reason, /image/);
		await emptied(t);
	}
	t.is(executed().length, before);
	// Nothing is amiss for the next one.
	const { digest, act } = await upload();
	t.is((await act('cp-operator', 'approve', { digest })).json.state, 'executed');
});

test.serial('a form that could be read in two ways is refused, and leaves nothing', async t => {
	const both = [parametersPart('{}'), imagePart()];
	const ask = site.at('hso-operator');
	const withHead = (head: string) => form([parametersPart('{}'), { head, content: 'x' }]);
	const cases: Record<string, [string, Parameters<typeof ask>[2]]> = {
		'a second image': ['MultipartPart', form([...both, imagePart()])],
		'second parameters': ['MultipartPart', form([...both, parametersPart('{}')])],
		'another part': ['MultipartPart', form([...both, { head: 'name="OemParameters"', content: '{}' }])],
		'no image': ['MultipartPart', form([parametersPart('{}')])],
		'no parameters': ['MultipartPart', form([imagePart()])],
		'an empty image': ['ImageMissing', form([parametersPart('{}'), imagePart(Buffer.alloc(0))])],
		'an epilogue': ['MultipartMalformed', form(both, { end: '\r\nmore' })],
		'no end': ['MultipartMalformed', { ...form(both), body: (form(both).body as Buffer).subarray(0, -6) }],
		'a preamble': [
			'MultipartMalformed',
			{ ...form(both), body: Buffer.concat([Buffer.from('x'), form(both).body as Buffer]) },
		],
		'another boundary': [
			'MultipartMalformed',
			{ ...form(both), headers: { 'content-type': 'multipart/form-data; boundary=abcd' } },
		],
		'a transfer encoding': [
			'MultipartMalformed',
			withHead('name="UpdateFile"\r\nContent-Transfer-Encoding: base64'),
		],
		'a form in a form': [
			'MultipartMalformed',
			withHead('name="UpdateFile"\r\nContent-Type: multipart/mixed; boundary=x'),
		],
		'two names': ['MultipartMalformed', withHead('name="UpdateFile"; name="Other"')],
		'an encoded file name': ['MultipartMalformed', withHead('name="UpdateFile"; filename*=utf-8\'\'x')],
		'a path for a file name': ['MultipartMalformed', withHead('name="UpdateFile"; filename="../x"')],
		'a folded line': ['MultipartMalformed', withHead('name="UpdateFile";\r\n filename="x"')],
		'a duplicate key': [
			'JsonDuplicateKey',
			form([parametersPart('{"Targets":[],"Targets":["/x"]}'), imagePart()]),
		],
		'a list': ['BodyNotObject', form([parametersPart('[]'), imagePart()])],
	};
	for (const [name, [code, options]] of Object.entries(cases)) {
		const reply = await ask('POST', multipartPath, options);
		t.is(reply.status, 400, name);
		t.true(String(reply.json.error.code).endsWith(code), `${name}: ${reply.json.error.code}`);
		t.deepEqual(await spooled(site), [], name);
	}
});
