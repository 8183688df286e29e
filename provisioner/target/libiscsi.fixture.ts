import { execFile } from 'node:child_process';

export interface Answer {
	readonly code: number;
	readonly text: string;
}

/** One of libiscsi's programs; the secret goes by its environment. `network`: where it runs, as nsenter(1) takes it. */
export function iscsi(
	program: string,
	url: string,
	as: {
		readonly initiator: string;
		readonly username?: string;
		readonly password?: string;
		readonly target?: { readonly username: string; readonly password: string };
		readonly network?: string;
	},
	more: readonly string[] = [],
): Promise<Answer> {
	const env = {
		...process.env,
		...(as.username && { LIBISCSI_CHAP_USERNAME: as.username, LIBISCSI_CHAP_PASSWORD: as.password }),
		...(as.target && {
			LIBISCSI_CHAP_TARGET_USERNAME: as.target.username,
			LIBISCSI_CHAP_TARGET_PASSWORD: as.target.password,
		}),
	};
	const [file = '', ...args] = [
		...(as.network === undefined ? [] : ['nsenter', `--net=${as.network}`, '--']),
		...[program, '-i', as.initiator, ...more, url],
	];
	return new Promise(resolve => {
		execFile(file, args, { env, timeout: 20_000 }, (error, out, err) => {
			resolve({ code: error ? 1 : 0, text: `${out}${err}` });
		});
	});
}
