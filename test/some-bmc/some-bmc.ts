import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type BmcLogin, type OpenBmc, openBmc } from '../../proxy/enrol/open-bmc.ts';
import { createAsk, type Reply } from '../proxy/ask.ts';

/** A BMC that was enrolled, and the proxy in front of it: what `bimetal qemu openbmc --proxy --json` prints of them. */
export interface SomeBmcLine {
	readonly proxy: { readonly url: string };
	readonly bmcs: readonly { readonly name: string; readonly url: string; readonly direct: string }[];
	readonly operators: readonly { readonly name: string; readonly party: string; readonly password: string }[];
	/** Path of the PEM of the site's authority. */
	readonly ca: string;
	/** The site's folder. */
	readonly state: string;
}

export interface SomeBmc {
	readonly line: SomeBmcLine;
	/** What everybody knew before. */
	readonly login: { readonly username: string; readonly password: string };
	/** Doors that enrolling could not shut. */
	readonly left: readonly string[];
	close(): Promise<void>;
}

export type Asked = (method: string, target: string, body?: unknown) => Promise<Reply>;

/** The ways to a BMC: as an operator through the proxy, and past it with the credential that only the proxy has. */
export interface Ways {
	/** On the BMC's own port of the proxy. */
	as(party: 'HSO' | 'CP' | null): Asked;
	/** On the proxy's main port. */
	main(party: 'HSO' | 'CP'): Asked;
	readonly ca: string;
	readonly port: string;
	readonly direct: OpenBmc;
	/** The password that enrolling has set. */
	readonly password: string;
	login(): Promise<BmcLogin>;
	close(): Promise<void>;
}

const enrolment = z.object({ fingerprint: z.string(), username: z.string(), passwordFile: z.string() });

export async function waysTo({ line }: SomeBmc): Promise<Ways> {
	const [bmc] = line.bmcs;
	if (!bmc) throw new Error('a site without a BMC');
	const ca = await readFile(line.ca, 'utf8');
	const record = enrolment.parse(
		JSON.parse(await readFile(path.join(line.state, 'enrolment', `${bmc.name}.json`), 'utf8')),
	);
	const password = (await readFile(path.join(line.state, record.passwordFile), 'utf8')).trim();
	const direct = openBmc({ name: bmc.name, url: bmc.direct, fingerprint: record.fingerprint });
	const onBmc = createAsk(bmc.url, ca);
	const onMain = createAsk(line.proxy.url, ca);
	const operator = (party: string) => {
		const found = line.operators.find(one => one.party === party);
		if (!found) throw new Error(`no operator of ${party}`);
		return { name: found.name, password: found.password };
	};
	const asked =
		({ ask }: typeof onBmc, who: Parameters<typeof onBmc.ask>[0]): Asked =>
		(method, target, body) =>
			ask(who, method, target, body === undefined ? {} : { body });
	return {
		as: party => asked(onBmc, party === null ? null : operator(party)),
		main: party => asked(onMain, operator(party)),
		ca,
		port: bmc.url,
		direct,
		password,
		async login() {
			const login = await direct.logIn(record.username, password);
			if (!login) throw new Error('the BMC refuses the password that enrolling has set');
			return login;
		},
		async close() {
			onBmc.close();
			onMain.close();
			await direct.close();
		},
	};
}
