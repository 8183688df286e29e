// A server's TPM as its last tenant leaves it, and as the airlock hands it on: by a TPM that we did not write.
import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
	const variables = path.join(tpm.folder, 'efivars');
	const restarted = path.join(tpm.folder, 'restarted');
	return {
		tpm,
		variables,
		/** Firmware that takes orders, and what became of the last one. */
		async takesOrders(response: string, confirmation = '4: User not required') {
			await mkdir(ppi, { recursive: true });
			await writeFile(path.join(ppi, 'request'), '0\n');
			await writeFile(path.join(ppi, 'response'), `${response}\n`);
			await writeFile(path.join(ppi, 'tcg_operations'), `4 0: Not implemented\n5 ${confirmation}\n`);
		},
		order,
		hasRestarted: () =>
			access(restarted).then(
				() => true,
				() => false,
			),
		async erase(): Promise<{ code: number; out: string }> {
			await rm(restarted, { force: true });
			const env = { ...tpm.env, ppi, variables, restart: `touch ${restarted}` };
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
		t.regex(ordered.out, /the firmware is to clear it, and starts anew\n$/);
		t.is(await order('request'), '5\n');
		t.true(await hasRestarted());
	}
	await takesOrders('0: No Recent Request', '3: User required');
	t.regex((await erase()).out, /asks at the console whether it may/);
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

test('boot entries and what else systems keep in the firmware’s variables is removed, and the firmware’s own is not', async t => {
	const { variables, erase } = await startServer(t);
	const global = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
	const loader = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
	const crash = 'cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0';
	const others = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
	const systems = [
		...['Boot0000', 'Boot00FA', 'BootOrder', 'BootNext', 'Driver0001', 'DriverOrder', 'SysPrep0003'].map(
			name => `${name}-${global}`,
		),
		...[`Key0000-${global}`, `LoaderSystemToken-${loader}`, `LoaderEntryDefault-${loader}`],
		...[`dump-type0-11-1-1700000000-C-${crash}`, `* a name; $(touch restarted)-${crash}`],
	];
	const firmware = [
		...['BootCurrent', 'BootOptionSupport', 'SecureBoot', 'Lang', 'Boot00fa', 'BootOrderly'].map(
			name => `${name}-${global}`,
		),
		...[`db-${others}`, `Setup-${loader}`, `Boot0000-${others}`],
	];
	/** Non-volatile, for boot services and the runtime; and one of this boot only. */
	const [stays, passes] = [7, 6];
	const write = (name: string, attributes: number) =>
		writeFile(path.join(variables, name), Buffer.of(attributes, 0, 0, 0, 1, 0));
	await mkdir(variables);
	for (const name of [...systems, ...firmware]) await write(name, stays);
	await write(`LoaderInfo-${loader}`, passes);
	const { code, out } = await erase();
	t.is(code, 0, out);
	t.true(
		out.includes(`airlock: ${systems.length} boot entries and other variables of systems are removed\n`),
		out,
	);
	t.deepEqual((await readdir(variables)).sort(), [...firmware, `LoaderInfo-${loader}`].sort());
	t.regex((await erase()).out, /airlock: 0 boot entries/);
});
