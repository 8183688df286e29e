import { join } from 'node:path';
import { changePassword, firstThatFits } from './account-password.ts';
import { alone, type Console, recorded } from './console.ts';
import { type Enrolment, readEnrolment, removeEnrolment, writeEnrolment } from './enrolment-file.ts';
import { enrolErrors } from './errors.ts';
import type { BmcLogin, OpenBmc } from './open-bmc.ts';
import { lookAtDoors } from './shut-doors.ts';
import { withoutBmc } from './site-file.ts';

export interface ReleaseOutcome {
	/** Doors that are open again, and those that nothing brings back (deleted accounts) or the BMC kept shut. */
	readonly reopened: readonly string[];
	readonly lost: readonly string[];
}

/**
 * Gives a BMC back: opens what enrolling shut, sets the password that its owner will use, and takes it out of the
 * site. Also undoes an enrolment that did not end. Cut off anywhere, the same call goes on.
 *
 * @throws BimetalError NotEnrolled, CertificateDiffers, BmcLoginRefused, BmcRefuses, EnrolmentBusy; BmcUnreachable, …
 */
export function releaseBmc(at: Console, name: string, password: string): Promise<ReleaseOutcome> {
	return alone(at, name, async () => {
		const found = await readEnrolment(at.disk, at.folder, name);
		if (!found) throw enrolErrors.NotEnrolled(`there is no record of an enrolment of ${name}`);
		const shown = await at.presentedFingerprint(name, found.url);
		if (shown !== found.fingerprint)
			throw enrolErrors.CertificateDiffers(
				`${name} shows a certificate of fingerprint ${shown}; pinned is ${found.fingerprint}`,
			);
		const bmc = at.openBmc({ name, url: found.url, fingerprint: found.fingerprint });
		try {
			return await recorded(at, { action: 'release', bmc: name }, async () => {
				const result = await giveBack(at, found, bmc, password);
				return {
					result,
					detail: [...result.reopened, ...result.lost.map(door => `not given back: ${door}`)],
				};
			});
		} finally {
			await bmc.close();
		}
	});
}

async function giveBack(
	at: Console,
	found: Enrolment,
	bmc: OpenBmc,
	password: string,
): Promise<ReleaseOutcome> {
	const passwordPath = join(at.folder, found.passwordFile);
	const kept = (await at.disk.read(passwordPath))?.trim();
	const candidates = [...found.passwords.toReversed(), ...(kept ? [kept] : []), password];
	const fitting = await firstThatFits(bmc, found.username, candidates);
	if (!fitting)
		throw enrolErrors.BmcLoginRefused(`the BMC of ${found.bmc} takes none of the passwords of its enrolment`);
	const releasing: Enrolment = {
		...found,
		state: 'releasing',
		passwords: [fitting.password, password],
	};
	await writeEnrolment(at.disk, at.folder, releasing);
	let { login } = fitting;
	const { reopened, lost } = await reopenDoors(at, login, releasing);
	if (fitting.password !== password) {
		login = await changePassword(bmc, login, found.username, { from: fitting.password, to: password });
		at.report(`the password of ${found.username} was set`);
	}
	await login.logOut();
	if (at.siteFile !== undefined) {
		const text = await at.disk.read(at.siteFile);
		const without = text === undefined ? undefined : withoutBmc(text, found.bmc);
		if (without !== undefined && without !== text) await at.disk.write(at.siteFile, without);
	}
	await at.disk.remove(passwordPath);
	await removeEnrolment(at.disk, at.folder, found.bmc);
	return { reopened, lost };
}

async function reopenDoors(
	at: Console,
	login: BmcLogin,
	enrolment: Enrolment,
): Promise<{ reopened: string[]; lost: string[] }> {
	for (const { reopen } of enrolment.shut.toReversed()) {
		if (reopen) await login.send(reopen);
	}
	const open = new Set((await lookAtDoors(login, enrolment)).map(({ name }) => name));
	const all = enrolment.shut.map(({ door }) => door);
	const reopened = all.filter(door => open.has(door));
	const lost = all.filter(door => !open.has(door));
	for (const door of reopened) at.report(`${door}: open again`);
	for (const door of lost) at.report(`${door}: NOT given back`);
	return { reopened, lost };
}
