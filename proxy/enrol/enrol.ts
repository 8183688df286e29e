import { join } from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { changePassword, firstThatFits, longestPassword } from './account-password.ts';
import { alone, type Console, recorded } from './console.ts';
import {
	type Enrolment,
	enrolmentPath,
	readEnrolment,
	removeEnrolment,
	writeEnrolment,
} from './enrolment-file.ts';
import { enrolErrors } from './errors.ts';
import { newPassword } from './new-password.ts';
import type { BmcLogin, OpenBmc } from './open-bmc.ts';
import { lookAtDoors, shutDoors } from './shut-doors.ts';
import { type SiteEntry, siteBlock, siteEntry, withBmc } from './site-file.ts';

export interface EnrolRequest {
	readonly name: string;
	/** Origin, https. */
	readonly url: string;
	readonly username: string;
	/** The account's present password. */
	readonly password: string;
	readonly rack: string | undefined;
	/** Other accounts that stay as they are. */
	readonly keep: readonly string[];
	/** What becomes of all others. */
	readonly accounts: 'disable' | 'delete';
	/** Whether this is the BMC's certificate (SHA-256, hex): asked once, the answer is pinned. */
	readonly trust: (fingerprint: string) => Promise<boolean>;
}

export interface EnrolOutcome {
	readonly fingerprint: string;
	/** Doors that were shut, and those that the BMC would not shut. */
	readonly shut: readonly string[];
	readonly left: readonly string[];
	/** What stands, or is to stand, in the site file. */
	readonly entry: SiteEntry;
	readonly block: string;
	/** The site file was changed. */
	readonly added: boolean;
}

/**
 * Takes a BMC over: pins its certificate, gives its account a password that nobody else knows, shuts the other
 * doors and adds it to the site. Each step is on disk before it is made: cut off anywhere, the same call goes on.
 * Called again, it shuts what was opened meanwhile and changes nothing else.
 *
 * @throws BimetalError of `enrolErrors`; BmcUnreachable, BmcNoAnswer, BmcGarbage; EnrolmentBusy
 */
export function enrolBmc(at: Console, wanted: EnrolRequest): Promise<EnrolOutcome> {
	return alone(at, wanted.name, async () => {
		const site = await siteOf(at, wanted);
		const found = await readEnrolment(at.disk, at.folder, wanted.name);
		refuseConflict(found, wanted);
		const bmc = await openTrusted(at, wanted, found);
		try {
			return await recorded(at, { action: 'enrol', bmc: wanted.name }, async () => {
				const result = await takeOver(at, wanted, found, site, bmc);
				return { result, detail: [...result.shut, ...result.left.map(door => `still open: ${door}`)] };
			});
		} finally {
			await bmc.close();
		}
	});
}

/** What `enrolBmc` would shut; logs in and reads, changes nothing. */
export async function planEnrolment(
	at: Console,
	wanted: EnrolRequest,
): Promise<{ fingerprint: string; shut: string[] }> {
	const found = await readEnrolment(at.disk, at.folder, wanted.name);
	refuseConflict(found, wanted);
	const bmc = await openTrusted(at, wanted, found);
	try {
		const passwords = [...(await knownPasswords(at, found)), wanted.password];
		const fitting = await firstThatFits(bmc, wanted.username, passwords);
		if (!fitting) throw enrolErrors.BmcLoginRefused(`the BMC of ${wanted.name} refuses the password`);
		const enrolment = found ?? fresh(wanted, bmc.fingerprint, '');
		const doors = await lookAtDoors(fitting.login, enrolment);
		await fitting.login.logOut();
		return { fingerprint: bmc.fingerprint, shut: doors.map(({ name }) => name) };
	} finally {
		await bmc.close();
	}
}

interface SiteState {
	/** Undefined when there is no site file to change. */
	readonly text: string | undefined;
	/** Relative to the folder. */
	readonly passwordFile: string;
}

/** Finds out what stands in the way before the BMC is touched. */
async function siteOf(at: Console, { name, url, password }: EnrolRequest): Promise<SiteState> {
	const text = at.siteFile === undefined ? undefined : await at.disk.read(at.siteFile);
	if (at.siteFile !== undefined && text === undefined)
		throw enrolErrors.EnrolmentConflict(`there is no site file ${at.siteFile}`);
	const entry = text === undefined ? undefined : siteEntry(text, name);
	if (entry?.url !== undefined && origin(String(entry.url)) !== origin(url)) {
		throw enrolErrors.EnrolmentConflict(`the site file has ${name} at ${String(entry.url)}, not at ${url}`);
	}
	const passwordFile = typeof entry?.password === 'string' ? entry.password : `secrets/bmc-${name}`;
	const known = await readEnrolment(at.disk, at.folder, name);
	const there = (await at.disk.read(join(at.folder, passwordFile)))?.trim();
	if (!known && !entry && there !== undefined && there !== password) {
		throw enrolErrors.EnrolmentConflict(
			`${passwordFile} holds another password and would be overwritten: move it away first`,
		);
	}
	return { text, passwordFile };
}

const origin = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

function refuseConflict(found: Enrolment | undefined, wanted: EnrolRequest): void {
	const { name } = wanted;
	if (!wanted.url.startsWith('https://'))
		throw enrolErrors.EnrolmentConflict(`${wanted.url} is not https: there is no certificate to pin`);
	if (!found) return;
	if (found.state === 'releasing')
		throw enrolErrors.EnrolmentConflict(`${name} is being released: finish that first, with bmc release`);
	if (origin(found.url) !== origin(wanted.url) || found.username !== wanted.username)
		throw enrolErrors.EnrolmentConflict(
			`${name} is enrolled as ${found.username} at ${found.url}: release it first`,
		);
}

async function openTrusted(
	at: Console,
	wanted: EnrolRequest,
	found: Enrolment | undefined,
): Promise<OpenBmc & { readonly fingerprint: string }> {
	const shown = await at.presentedFingerprint(wanted.name, wanted.url);
	if (found && found.fingerprint !== shown)
		throw enrolErrors.CertificateDiffers(
			`${wanted.name} shows a certificate of fingerprint ${shown}; pinned is ${found.fingerprint}`,
		);
	if (!found && !(await wanted.trust(shown)))
		throw enrolErrors.CertificateDiffers(`the certificate ${shown} was not accepted; nothing was sent`);
	const bmc = at.openBmc({ name: wanted.name, url: wanted.url, fingerprint: shown });
	return { ...bmc, fingerprint: shown };
}

function fresh(wanted: EnrolRequest, fingerprint: string, passwordFile: string): Enrolment {
	return {
		format: 1,
		bmc: wanted.name,
		url: new URL(wanted.url).origin,
		fingerprint,
		username: wanted.username,
		state: 'enrolling',
		passwords: [],
		passwordFile,
		rack: wanted.rack ?? null,
		keep: [...wanted.keep],
		accounts: wanted.accounts,
		shut: [],
	};
}

/** Asked again, more accounts may be kept and the rack be another; what was said before stands. */
const amended = (found: Enrolment, { keep, rack }: EnrolRequest): Enrolment => ({
	...found,
	rack: rack ?? found.rack,
	keep: [...new Set([...found.keep, ...keep])],
});

/** What could be the BMC's password, the likeliest first. */
async function knownPasswords(at: Console, found: Enrolment | undefined): Promise<string[]> {
	if (!found) return [];
	const kept = (await at.disk.read(join(at.folder, found.passwordFile)))?.trim();
	return [...found.passwords.toReversed(), ...(kept ? [kept] : [])];
}

async function takeOver(
	at: Console,
	wanted: EnrolRequest,
	found: Enrolment | undefined,
	site: SiteState,
	bmc: OpenBmc & { fingerprint: string },
): Promise<EnrolOutcome> {
	const save = (enrolment: Enrolment) => writeEnrolment(at.disk, at.folder, enrolment);
	const begun = found ? amended(found, wanted) : fresh(wanted, bmc.fingerprint, site.passwordFile);
	const { login, enrolment: taken } = await takeAccount(at, wanted, begun, found !== undefined, bmc);
	const { enrolment, shut, left } = await shutDoors(login, taken, {
		save,
		report: at.report,
		clock: at.clock,
	});
	await login.logOut();
	const entry: SiteEntry = {
		url: enrolment.url,
		...(enrolment.rack !== null && { rack: enrolment.rack }),
		fingerprint: enrolment.fingerprint,
		username: enrolment.username,
		password: enrolment.passwordFile,
		enrolment: enrolmentPath(wanted.name),
	};
	let added = false;
	if (at.siteFile !== undefined && site.text !== undefined) {
		// Read again: the operator may have edited it while the BMC was being asked.
		const text = (await at.disk.read(at.siteFile)) ?? site.text;
		const changed = withBmc(text, wanted.name, entry);
		added = changed !== text;
		if (added) await at.disk.write(at.siteFile, changed);
	}
	const done: Enrolment = { ...enrolment, state: 'enrolled' };
	if (JSON.stringify(done) !== JSON.stringify(found)) await save(done);
	return { fingerprint: bmc.fingerprint, shut, left, entry, block: siteBlock(wanted.name, entry), added };
}

/** Sees to it that the account has a password of ours that stands in its file, and logs in with it. */
async function takeAccount(
	at: Console,
	wanted: EnrolRequest,
	begun: Enrolment,
	resumed: boolean,
	bmc: OpenBmc,
): Promise<{ login: BmcLogin; enrolment: Enrolment }> {
	const ours = begun.passwords.length === 0 && resumed; // it stands in its file already
	const wantedPassword = begun.passwords.at(-1);
	const candidates = resumed ? await knownPasswords(at, begun) : [];
	if (!ours) candidates.push(wanted.password);
	const fitting = await firstThatFits(bmc, begun.username, candidates);
	if (!fitting) {
		throw enrolErrors.BmcLoginRefused(
			resumed
				? `the BMC takes neither the password of this site nor the one given; ${enrolmentPath(begun.bmc)} is kept as it is`
				: `the BMC refuses the password of ${begun.username}; nothing was changed`,
		);
	}
	if (ours) return { login: fitting.login, enrolment: begun };
	if (fitting.password === wantedPassword) {
		at.report('the password was changed already');
		return { login: fitting.login, enrolment: await keepPassword(at, begun, fitting.password) };
	}
	const password = wantedPassword ?? newPassword(at.random, await longestPassword(fitting.login));
	const changing: Enrolment = { ...begun, passwords: [fitting.password, password] };
	await writeEnrolment(at.disk, at.folder, changing);
	try {
		const login = await changePassword(bmc, fitting.login, begun.username, {
			from: fitting.password,
			to: password,
		});
		at.report(`the password of ${begun.username} was changed`);
		return { login, enrolment: await keepPassword(at, changing, password) };
	} catch (fault) {
		// The old password certainly stands: nothing is left of the attempt.
		if (fault instanceof BimetalError && fault.code === 'BmcRefuses' && begun.shut.length === 0)
			await removeEnrolment(at.disk, at.folder, begun.bmc);
		throw fault;
	}
}

/** The password's own file first; only then is it no longer needed in the record. */
async function keepPassword(at: Console, enrolment: Enrolment, password: string): Promise<Enrolment> {
	await at.disk.write(join(at.folder, enrolment.passwordFile), `${password}\n`);
	const kept: Enrolment = { ...enrolment, passwords: [] };
	await writeEnrolment(at.disk, at.folder, kept);
	return kept;
}
