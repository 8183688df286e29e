// A server's TPM as its last tenant leaves it, and as the airlock hands it on: by a TPM that we did not write.
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { EK, type SoftwareTpm, startSoftwareTpm } from '../../attest/tpm/software-tpm.fixture.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const program = fileURLToPath(new URL('system/erase', import.meta.url));
const owned = { key: '0x81000001', index: '0x1500016' };

/** A TPM whose firmware has closed the platform's hierarchy, as it does before it starts a system. */
async function startServer(t: ExecutionContext, { isOpen = false } = {}) {
	const tpm = await startSoftwareTpm(t);
	const closePlatform = () =>
		isOpen ? undefined : tpm.tool('tpm2_changeauth', '-c', 'p', 'what the firmware made up');
	await closePlatform();
	const ppi = path.join(tpm.folder, 'ppi');
	const order = (name: string) => readFile(path.join(ppi, name), 'utf8');
	const restarted = path.join(tpm.folder, 'restarted');
	return {
		tpm,
		/** Firmware that takes orders, and what became of the last one. */
		async takesOrders(response: string) {
			await mkdir(ppi, { recursive: true });
			await writeFile(path.join(ppi, 'request'), '0\n');
			await writeFile(path.join(ppi, 'response'), `${response}\n`);
		},
		order,
		hasRestarted: () =>
			access(restarted).then(
				() => true,
				() => false,
			),
		async erase(): Promise<{ code: number; out: string }> {
			await rm(restarted, { force: true });
			const env = { ...tpm.env, ppi, restart: `touch ${restarted}` };
			const ended = await new Promise<{ code: number; out: string }>(resolve => {
				execFile('sh', [program], { env, cwd: tpm.folder, timeout: 60_000 }, (fault, out, err) =>
					resolve({ code: fault ? 1 : 0, out: out + err }),
				);
			});
			await tpm.tool('tpm2_flushcontext', '-t');
			return ended;
		},
	};
}

/** What a tenant may leave: a key, an index and passwords of its own. */
async function live({ tool }: SoftwareTpm, ...hierarchies: readonly string[]): Promise<void> {
	await tool('tpm2_createprimary', '-C', 'o', '-c', 'primary.ctx');
	await tool('tpm2_evictcontrol', '-C', 'o', '-c', 'primary.ctx', owned.key);
	await tool('tpm2_nvdefine', owned.index, '-C', 'o', '-s', '16');
	for (const hierarchy of hierarchies) await tool('tpm2_changeauth', '-c', hierarchy, 'the tenant’s');
}

const isGone = (t: ExecutionContext, { tool }: SoftwareTpm) =>
	Promise.all([
		t.throwsAsync(tool('tpm2_readpublic', '-c', owned.key)),
		t.throwsAsync(tool('tpm2_nvreadpublic', owned.index)),
	]);

test('nothing of a tenant’s is left in the TPM, and its endorsement keys are the same', async t => {
	const { tpm, erase } = await startServer(t);
	await tpm.tool('tpm2_readpublic', '-c', EK.rsa, '-o', 'before.pub', '-f', 'tss');
	const certificate = await tpm.ekCertificate('rsa');
	await live(tpm, 'o', 'e');
	const ended = await erase();
	t.deepEqual(ended, { code: 0, out: 'bimetal airlock: the TPM is cleared\n' });
	await isGone(t, tpm);
	// What the airlock goes on with: the same key of the same seed, its certificate, and nobody's password.
	await tpm.tool('tpm2_createek', '-G', 'rsa', '-c', 'ek.ctx', '-u', 'after.pub', '-f', 'tss');
	t.deepEqual(await tpm.read('after.pub'), await tpm.read('before.pub'));
	t.deepEqual(await tpm.ekCertificate('rsa'), certificate);
	await tpm.tool('tpm2_nvdefine', owned.index, '-C', 'o', '-s', '16');
	t.is((await erase()).code, 0, 'as often as one likes');
});

test('what an owner has forbidden is undone where firmware leaves the platform’s hierarchy open', async t => {
	const { tpm, erase } = await startServer(t, { isOpen: true });
	await live(tpm, 'o', 'l');
	await tpm.tool('tpm2_clearcontrol', '-C', 'p', 's');
	t.deepEqual(await erase(), { code: 0, out: 'bimetal airlock: the TPM is cleared\n' });
	await isGone(t, tpm);
});

test('a tenant that forbids to clear the TPM, without a password even, forbids it to the firmware as little', async t => {
	const { tpm, takesOrders, order, erase } = await startServer(t);
	await tpm.tool('tpm2_clearcontrol', '-C', 'l', 's');
	await takesOrders('0: No Recent Request');
	t.regex((await erase()).out, /has locked the TPM: the firmware is to clear it/);
	t.is(await order('request'), '5\n');
});

test('a TPM with a password is cleared by order of the firmware, which is asked once', async t => {
	const { tpm, takesOrders, order, hasRestarted, erase } = await startServer(t);
	await live(tpm, 'l');
	const none = await erase();
	t.is(none.code, 1);
	t.regex(none.out, /this firmware takes no order to clear it: clear it in the menu of the firmware/);
	// Of an earlier tenant, or of nobody.
	for (const response of ['0: No Recent Request', '5 0: Success', '23 0: Success']) {
		await takesOrders(response);
		const ordered = await erase();
		t.is(ordered.code, 1);
		t.regex(ordered.out, /the firmware is to clear it, and starts anew/);
		t.is(await order('request'), '5\n');
		t.true(await hasRestarted());
	}
	for (const response of ['5 0xFFFFFFF0: User Abort', '5 0xFFFFFFF1: BIOS Failure']) {
		await takesOrders(response);
		const failed = await erase();
		t.is(failed.code, 1);
		t.true(failed.out.includes(`did not clear it (${response}): clear it in the menu`), failed.out);
		t.is(await order('request'), '0\n');
		t.false(await hasRestarted(), 'nobody starts it again and again');
	}
	await tpm.tool('tpm2_readpublic', '-c', owned.key);
});
