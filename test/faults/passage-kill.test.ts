// kill -9 of attestation before each of its writes while a node passes through the airlock, is refused, or is cut off, and
// again while it comes up. Looked at on the switch at every change: a node is never on its tenant's network before its
// evidence was found good, never on that and the airlock's at once, and comes to what it should in the end.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createVerifierClient, type PassageView } from '../../attest/client.ts';
import { admissions } from '../../attest/model/admission.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { type ChildAttest, startChildAttest } from './child-attest.ts';
import { isOneAfterTheOther, nothing, startPassageHil, vlans } from './passage-hil.ts';

/** Milliseconds for a step of a test; a busy machine takes ten times as long as an idle one. */
const patience = 120_000;

/** hil, and the site file of an attestation service. */
async function startSite(t: ExecutionContext) {
	const hil = await startPassageHil(t);
	const at = (name: string) => path.join(hil.folder, name);
	await mkdir(at('state'));
	const account = `{ name: alice, password: "${await hashPassword('alice')}", admin: true, projects: [red] }`;
	await writeFile(at('accounts.yaml'), `accounts: [${account}]\n`);
	await writeFile(
		at('attest.yaml'),
		`
store: { file: state/attest.db }
listen: { port: 0 }
users: { accounts: accounts.yaml }
registrar: { roots: [roots.pem] }
verifier: {}
airlock:
  hil: { url: "${hil.url}", username: root, password: hil.password }
  project: airlock
  network: airlocknet
  rejected: rejected
  boot: by hand
`,
	);
	await writeFile(at('roots.pem'), await aCertificate());
	return { ...hil, config: at('attest.yaml'), store: at('state/attest.db') };
}

async function aCertificate(): Promise<string> {
	const { createAuthority } = await import('../../common/identity/site-ca.ts');
	const { systemClock } = await import('../../common/clock.ts');
	return (await createAuthority({ name: 'a manufacturer', clock: systemClock })).certificatePem;
}

type Verifier = ReturnType<typeof createVerifierClient>;

const verifierOf = ({ url }: ChildAttest): Verifier =>
	createVerifierClient({ url, credential: { username: 'alice', password: 'alice' }, timeout: 20_000 });

/**
 * Brings a node to an end, telling what its evidence comes to when it is in the airlock; as one does who was interrupted and
 * begins again. False when the service was killed meanwhile.
 */
async function bring(child: ChildAttest, node: string, to: string, isGood: boolean): Promise<boolean> {
	const verifier = verifierOf(child);
	try {
		for (const end = Date.now() + patience; Date.now() < end; await pause(20)) {
			let now: PassageView | undefined = (await verifier.passages(true)).find(one => one.node === node);
			now ??= await verifier.pass({
				...{ node, project: 'red', networks: [{ nic: 'eth0', network: 'rednet' }] },
				// Longer than the test: nothing runs out by itself.
				lease: 3600,
			});
			const isWaiting = now.stage === 'evidence' && now.admission !== null;
			const { state, admission } = now;
			if (admission !== null && (isWaiting || (to === 'cut' && state === 'inside'))) {
				const judged = await verifier.admission(admission);
				if (judged.state === 'waiting' || (to === 'cut' && judged.state === 'attested'))
					await child.judge(admission, isGood);
			}
			if (state === to) return !child.isDead();
		}
		throw new Error(`it does not come to ${to}: ${JSON.stringify(await verifier.passages(true))}`);
	} catch (fault) {
		// It fails because it is dead, or for a reason that the test should tell.
		for (let looks = 0; looks < 200 && !child.isDead(); looks++) await pause(20);
		if (child.isDead()) return false;
		throw fault;
	} finally {
		await verifier.close();
	}
}

interface Way {
	readonly to: 'inside' | 'rejected' | 'cut';
	readonly project: string;
	readonly network: 'rednet' | null;
	/** What hil then says of it, as JSON. */
	readonly property: { readonly label: string; readonly text: string };
}

/** A policy that no evidence here is judged by. */
async function setPolicy(child: ChildAttest): Promise<void> {
	const verifier = verifierOf(child);
	await verifier.setPolicy('red', 'default', {
		...{ version: 1, bank: 'sha256' },
		pcrs: Object.fromEntries(Array.from({ length: 8 }, (_, pcr) => [pcr, 'ab'.repeat(32)])),
	});
	await verifier.close();
}

async function killEach(t: ExecutionContext, way: Way): Promise<void> {
	t.timeout(900_000);
	const site = await startSite(t);
	let child: ChildAttest | undefined;
	t.teardown(() => child?.end());
	child = await startChildAttest(site.config);
	if (!child) return t.fail();
	await setPolicy(child);
	/** Resolves when hil's properties of a node say what has become of it, or the service is dead. */
	const noted = async (node: string): Promise<void> => {
		for (const end = Date.now() + patience; Date.now() < end && !child?.isDead(); await pause(20)) {
			const { metadata } = await site.root.ok<{ metadata: Record<string, string> }>(
				'GET',
				`/v0/node/${node}`,
			);
			if (metadata[way.property.label] === way.property.text) return;
		}
		t.true(child?.isDead(), `hil does not say of ${node} what has become of it`);
	};
	let again = 0;
	for (let killAt = 1; ; killAt++) {
		const node = `n${killAt}`;
		await site.node(node);
		const start = site.seen.length;
		// What is to be cut off comes in first, undisturbed.
		if (way.to === 'cut') t.true(await bring(child, node, 'inside', true));
		await child.arm(killAt);
		const isGood = way.to === 'inside';
		const lived = await bring(child, node, way.to, isGood);
		if (!lived) {
			// Every third time it is killed on the way up as well, each time a little later.
			child = await startChildAttest(site.config, killAt % 3 === 0 ? killAt / 3 : undefined);
			if (!child || !(await bring(child, node, way.to, isGood))) {
				again++;
				await child?.end();
				child = await startChildAttest(site.config);
			}
			if (!child) return t.fail();
			await child.arm();
			if (child.isDead()) {
				// By what was still to be written when the node was where it should be, just before it was told not to.
				again++;
				child = await startChildAttest(site.config);
				if (!child) return t.fail();
			}
			t.true(await bring(child, node, way.to, isGood), `killed before write ${killAt}`);
		}
		await noted(node);
		const carried = site.seen.slice(start).filter(({ port }) => port === node);
		const natives = carried.map(({ state }) => state.native);
		const isOnTenants = natives.includes(vlans.rednet);
		t.is(isOnTenants, way.to !== 'rejected', `killed before write ${killAt}: ${natives}`);
		t.true(isOneAfterTheOther(natives), `${natives}`);
		t.deepEqual(site.carried(node), {
			native: way.network === null ? null : vlans[way.network],
			tagged: [],
		});
		const { project } = await site.root.ok<{ project: string }>('GET', `/v0/node/${node}`);
		t.is(project, way.project, `killed before write ${killAt}`);
		const passed = await child.arm();
		if (lived && child.isDead()) {
			// By what was still to be written down at hil, when the node was where it should be.
			child = await startChildAttest(site.config);
			if (!child) return t.fail();
			await noted(node);
		}
		if (!lived || passed === 0) continue;
		// Something else may have been written meanwhile: it is over when there is none left to be killed before.
		if (passed >= killAt) continue;
		t.log(`${passed} writes, ${again} kills on the way up as well`);
		t.true(passed >= 3 && again > 0);
		await child.end();
		return;
	}
}

test.serial('killed before each write while a node goes in', t =>
	killEach(t, {
		to: 'inside',
		project: 'red',
		network: 'rednet',
		property: { label: 'attested', text: 'true' },
	}),
);
test.serial('killed before each write while a node is refused', t =>
	killEach(t, {
		to: 'rejected',
		project: 'rejected',
		network: null,
		property: { label: 'rejected', text: '"PcrNotAllowed: PCR 4 is another"' },
	}),
);
test.serial('killed before each write while a node is cut off', t =>
	killEach(t, { to: 'cut', project: 'red', network: null, property: { label: 'attested', text: 'false' } }),
);

test.serial(
	'killed and back within a lease it cuts off nobody; away for longer, whom it finds too late, at once',
	async t => {
		t.timeout(300_000);
		const site = await startSite(t);
		let child: ChildAttest | undefined;
		t.teardown(() => child?.end());
		const restart = async (): Promise<ChildAttest> => {
			await child?.end();
			child = await startChildAttest(site.config);
			if (!child) throw new Error('it does not start');
			return child;
		};
		await setPolicy(await restart());
		for (const node of ['kept', 'late', 'other']) await site.node(node);
		for (const node of ['kept', 'late']) t.true(await bring(await restart(), node, 'inside', true));
		const before = site.seen.length;
		// What comes in after the start shows that all was looked at.
		t.true(await bring(await restart(), 'other', 'inside', true));
		t.true(site.seen.slice(before).every(({ port }) => port === 'other'));

		await child?.end();
		const store = await openSqliteStore({ file: site.store });
		await store.transact(async tx => {
			for (const { id, document } of await tx.list(admissions))
				if (document.node === 'late' && 'until' in document)
					await tx.put(admissions, id, { ...document, until: Date.now() - 1 });
		});
		await store.close();
		const started = performance.now();
		const verifier = verifierOf(await restart());
		for (const end = Date.now() + patience; Date.now() < end; await pause(20))
			if ((await verifier.passages(true)).some(({ node, state }) => node === 'late' && state === 'cut'))
				break;
		await verifier.close();
		t.deepEqual(site.carried('late'), nothing);
		t.is(site.carried('kept').native, 101);
		const cut = site.seen.findLast(({ port }) => port === 'late');
		t.log(`off ${Math.round((cut?.at ?? 0) - started)} ms after the service was started`);

		// While it runs: from the verdict to the switch.
		const took: number[] = [];
		for (const node of ['kept', 'other']) {
			const { admission } = (await passageOf(child, node)) ?? {};
			const judged = performance.now();
			await child?.judge(admission ?? '', false);
			for (const end = Date.now() + patience; Date.now() < end && site.carried(node).native !== null; )
				await pause(5);
			t.deepEqual(site.carried(node), nothing);
			took.push((site.seen.findLast(({ port }) => port === node)?.at ?? 0) - judged);
		}
		t.log(`off ${took.map(ms => `${Math.round(ms)} ms`).join(' and ')} after the verdict`);
	},
);

async function passageOf(child: ChildAttest | undefined, node: string): Promise<PassageView | undefined> {
	if (!child) return undefined;
	const verifier = verifierOf(child);
	try {
		return (await verifier.passages()).find(one => one.node === node);
	} finally {
		await verifier.close();
	}
}
