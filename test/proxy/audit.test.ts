// The audit log over HTTP: what any operator can fetch proves itself, with nothing but the log's public key.
import test from 'ava';
import * as schemas from '../../proxy/api/audit-schemas.ts';
import { genesis, type Head, unseal, whyNotNext } from '../../proxy/audit/chain.ts';
import { readCheckpoint } from '../../proxy/audit/checkpoint.ts';
import { leafOf } from '../../proxy/audit/hash-tree.ts';
import { verifyConsistency, verifyInclusion } from '../../proxy/audit/merkle-verify.ts';
import { parseVerifier } from '../../proxy/audit/signed-note.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const fetch = async (path: string) => {
	const { status, json } = await site.ask('cp-operator', 'GET', `/p2c/v1/audit${path}`);
	if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
	return json;
};
const fromBase64 = (hashes: readonly string[]) => hashes.map(hash => Buffer.from(hash, 'base64'));

/** Makes time pass until a checkpoint of more than `before` records is there. */
async function nextCheckpoint(before: number) {
	const verifier = parseVerifier(schemas.keyView.parse(await fetch('/key')).verifier);
	if (!verifier) throw new Error('no key');
	for (;;) {
		const { checkpoint } = schemas.checkpointView.parse(await fetch('/checkpoint'));
		const read = readCheckpoint(checkpoint, verifier);
		if (!read) throw new Error('not signed');
		if (read.size > before) return read;
		site.clock.advance(10_000);
	}
}

test('checkpoint, records and proofs hold together', async t => {
	await site.at('hso-operator')('GET', '/redfish/v1/Systems/system');
	const older = await nextCheckpoint(0);
	for (let i = 0; i < 7; i++) await site.at('cp-operator')('GET', '/redfish/v1/Chassis');
	const newer = await nextCheckpoint(older.size);

	let head: Head = genesis;
	for (let after: number | null = 0; after !== null; ) {
		const page = schemas.recordPage.parse(await fetch(`/records?after=${after}&limit=3`));
		t.true(page.records.length <= 3);
		for (const line of page.records) {
			const sealed = unseal(Buffer.from(`${line}\n`));
			if (!sealed) return t.fail('not as it was written');
			t.is(whyNotNext(head, sealed), undefined);
			head = sealed;
			const { path } = schemas.inclusionView.parse(
				await fetch(`/proof/inclusion?seq=${head.seq}&size=${newer.size}`),
			);
			const claim = { leaf: leafOf(head.hash), index: head.seq - 1, size: newer.size, root: newer.root };
			t.true(verifyInclusion({ ...claim, path: fromBase64(path) }));
		}
		after = page.next;
	}
	t.true(head.seq >= newer.size);
	const { proof } = schemas.consistencyView.parse(
		await fetch(`/proof/consistency?from=${older.size}&to=${newer.size}`),
	);
	t.true(
		verifyConsistency({
			older: older.size,
			newer: newer.size,
			olderRoot: older.root,
			newerRoot: newer.root,
			proof: fromBase64(proof),
		}),
	);
	const { checkpoints } = schemas.checkpointPage.parse(await fetch(`/checkpoints?after=${older.size}`));
	t.true(checkpoints.includes(newer.note));
	t.false(checkpoints.includes(older.note));
});

test('what is not signed yet, or no number, is refused; a stranger learns nothing', async t => {
	for (const [path, status] of [
		['/proof/inclusion?seq=1&size=999999', 404],
		['/proof/inclusion?seq=0', 404],
		['/proof/consistency?from=9&to=8', 404],
		['/proof/inclusion', 400],
		['/records?after=-1', 400],
		['/records?limit=1001', 400],
		['/records?surprise=1', 400],
	] as const) {
		t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/audit${path}`)).status, status, path);
	}
	for (const path of ['/key', '/checkpoint', '/checkpoints', '/records', '/proof/inclusion?seq=1']) {
		t.is((await site.ask(null, 'GET', `/p2c/v1/audit${path}`)).status, 401, path);
	}
});
