import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { createRegistrarClient, createVerifierClient, type VerifierClient } from '../../attest/client.ts';
import { openAttest } from '../../attest/open-attest.ts';
import { readAttestSite } from '../../attest/site.ts';
import { systemClock } from '../../common/clock.ts';
import { hashPassword } from '../../common/identity/passwords.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { silentLogger } from '../../common/log/logger.ts';

/** Registrar and verifier in one service, in this process; its clients are administrators, and of project red. */
export interface Attestation {
	readonly registrar: ReturnType<typeof createRegistrarClient>;
	readonly verifier: VerifierClient;
	/** On loopback. */
	readonly port: number;
	/** PEM: whose word nodes take for the service. */
	readonly authorities: string;
}

/** What ends things: a test, or a benchmark. */
export type Teardown = Pick<ExecutionContext, 'teardown'>;

/**
 * As `bimetal attest` runs them. `roots`: files of certificates of TPMs' makers, the root first; `address`: where nodes find it;
 * `airlock`: what attest.yaml says of that.
 */
export async function startAttestation(
	t: Teardown,
	{
		folder,
		roots,
		address,
		airlock,
	}: { folder: string; roots: readonly string[]; address: string; airlock?: object },
): Promise<Attestation> {
	const site = await createAuthority({ name: 'site', clock: systemClock });
	const names = { names: ['attest'], addresses: [address, '127.0.0.1'] };
	const server = await issueServerCertificate({ authority: site, ...names, clock: systemClock });
	const at = (file: string) => path.join(folder, file);
	const password = randomBytes(12).toString('hex');
	const account = { name: 'alice', admin: true, projects: ['red'], password: await hashPassword(password) };
	await writeFile(at('accounts.yaml'), stringify({ accounts: [account] }));
	await writeFile(at('tls.pem'), server.certificatePem);
	await writeFile(at('tls.key'), server.keyPem, { mode: 0o600 });
	const file = {
		...{ store: { file: 'attest.db' }, listen: { port: 0 }, users: { accounts: 'accounts.yaml' } },
		...{ tls: { certificate: 'tls.pem', key: 'tls.key' }, verifier: {} },
		registrar: { roots: [roots[0]], intermediates: roots.slice(1) },
		...(airlock && { airlock }),
	};
	await writeFile(at('attest.yaml'), stringify(file));
	const running = await openAttest(readAttestSite(at('attest.yaml')), { logger: silentLogger });
	t.teardown(() => running.close());
	const options = { url: running.url, ca: site.certificatePem, credential: { username: 'alice', password } };
	const [registrar, verifier] = [createRegistrarClient(options), createVerifierClient(options)];
	t.teardown(() => Promise.all([registrar.close(), verifier.close()]));
	const port = Number(new URL(running.url).port);
	return { registrar, verifier, port, authorities: site.certificatePem };
}
