import { createHash } from 'node:crypto';
import test from 'ava';
import { bmcForTest, messageOf } from './test-bmc.ts';
import { testImage } from './test-image.ts';
import { sendRaw } from './wire-client.ts';

const ROOT = '/redfish/v1';

const form = (parts: readonly (readonly [name: string, content: string])[], end = '--b--\r\n') =>
	Buffer.from(
		`${parts.map(([name, content]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`).join('')}${end}`,
		'latin1',
	);

const image = testImage().toString('latin1');

test('an update makes a task, whose monitor gives its result once', async t => {
	const { clock, ask } = await bmcForTest(t);
	const started = await ask('POST', `${ROOT}/UpdateService/update`, {
		headers: { 'Content-Type': 'application/octet-stream' },
		body: testImage(),
	});
	t.is(started.status, 202);
	t.is(started.headers['retry-after'], '30');
	const monitor = String(started.headers.location);
	const task = String(started.json['@odata.id']);
	t.is((await ask('GET', monitor)).status, 202);
	t.is((await ask('GET', task)).json.TaskState, 'Running');
	clock.advance(3000);
	const finished = (await ask('GET', task)).json;
	t.is(finished.TaskState, 'Completed');
	t.is(finished.PercentComplete, 100);
	t.is((await ask('GET', monitor)).status, 204);
	t.is((await ask('GET', monitor)).status, 404);
	const version = (await ask('GET', `${ROOT}/UpdateService/FirmwareInventory/bmc_active`)).json.Version;
	t.regex(String(version), /^image-[0-9a-f]{12}$/);
});

test('a task shows the request that it came from to whoever is logged in, but no credential', async t => {
	const { ask } = await bmcForTest(t);
	const path = `${ROOT}/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData`;
	const started = await ask('POST', path, { body: { DiagnosticDataType: 'Manager' } });
	const task = await ask('GET', String(started.json['@odata.id']), { user: 'ro1' });
	const payload = task.json.Payload as { TargetUri: string; JsonBody: string };
	t.is(payload.TargetUri, path);
	t.is(payload.JsonBody, '{"DiagnosticDataType":"Manager"}');
	t.true(task.text.includes('content-type: application/json'));
	t.false(task.text.includes('Basic'));
});

test('a multipart update takes its target from its parameters', async t => {
	const { bmc, clock, ask } = await bmcForTest(t);
	const parameters = '{"Targets":["/redfish/v1/UpdateService/FirmwareInventory/bios_active"]}';
	const body = [
		'--b\r\nContent-Disposition: form-data; name="UpdateParameters"\r\n\r\n',
		`${parameters}\r\n--b\r\nContent-Disposition: form-data; name="UpdateFile"; filename="f"\r\n\r\n`,
		`${testImage().toString('latin1')}\r\n--b--\r\n`,
	].join('');
	const basic = Buffer.from('root:Pass-word1').toString('base64');
	const head = `POST ${ROOT}/UpdateService/update-multipart HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\n`;
	const type = `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n`;
	t.is((await sendRaw(bmc.port, head + type + body)).answers[0]?.status, 202);
	clock.advance(3000);
	const version = (await ask('GET', `${ROOT}/UpdateService/FirmwareInventory/bios_active`)).json.Version;
	t.regex(String(version), /^image-/);
});

test('what is no image, or no form, or aims at nothing is refused', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const push = (path: string, type: string, body: Buffer) =>
		ask('POST', `${ROOT}/UpdateService/${path}`, { headers: { 'Content-Type': type }, body });
	const multipart = (body: Buffer) => push('update-multipart', 'multipart/form-data; boundary=b', body);
	const octets = 'application/octet-stream';
	const other = testImage();
	other[300] = 1;
	for (const [message, reply] of [
		['MissingOrMalformedPart', await push('update', octets, Buffer.from('image'))],
		['MissingOrMalformedPart', await push('update', octets, other)],
		['UnrecognizedRequestBody', await push('update', 'multipart/form-data; boundary=b', testImage())],
		['UnrecognizedRequestBody', await push('update-multipart', octets, testImage())],
		['MissingOrMalformedPart', await multipart(form([['UpdateFile', image]], ''))],
		[
			'MissingOrMalformedPart',
			await multipart(Buffer.concat([Buffer.from('x'), form([['UpdateFile', image]])])),
		],
		['PropertyMissing', await multipart(form([['UpdateParameters', '{}']]))],
		[
			'MalformedJSON',
			await multipart(
				form([
					['UpdateParameters', '{'],
					['UpdateFile', image],
				]),
			),
		],
		[
			'PropertyUnknown',
			await multipart(
				form([
					['UpdateParameters', '{"A":1}'],
					['UpdateFile', image],
				]),
			),
		],
		[
			'PropertyValueFormatError',
			await multipart(
				form([
					['UpdateParameters', '{"Targets":["/x"]}'],
					['UpdateFile', image],
				]),
			),
		],
	] as const) {
		t.is(reply.status, 400);
		t.is(messageOf(reply), message);
	}
	// As lenient as the real one: the last of two counts, other parts and what follows the end are ignored.
	const twice = form(
		[
			['UpdateFile', 'x'],
			['Other', 'y'],
			['UpdateFile', image],
		],
		'--b--\r\nand more',
	);
	t.is((await multipart(twice)).status, 202);
	t.is(bmc.executed.at(-1)?.image?.size, 4096);
});

test('an image is read as it comes, up to the limit that the update service names', async t => {
	const { bmc, ask } = await bmcForTest(t, { maxImageBytes: 8192 });
	const headers = { 'Content-Type': 'application/octet-stream' };
	const push = (size: number) =>
		ask('POST', `${ROOT}/UpdateService/update`, { headers, body: testImage(size) });
	t.is((await ask('GET', `${ROOT}/UpdateService`)).json.MaxImageSizeBytes, 8192);
	t.is((await push(8192)).status, 202);
	const { image: seen } = bmc.executed.at(-1) ?? {};
	t.is(seen?.sha256, createHash('sha256').update(testImage(8192)).digest('hex'));
	await t.throwsAsync(push(8193));
	t.is(bmc.executed.at(-1)?.image?.size, 8192);
});
