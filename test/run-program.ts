import { execFile } from 'node:child_process';

export interface ProgramResult {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/**
 * Runs a program to its end, with `input` as its standard input and `env` added to our environment. Rejects only
 * when it cannot be started.
 */
export function runProgram(
	file: string,
	args: readonly string[],
	{ input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramResult> {
	return new Promise((resolve, reject) => {
		const child = execFile(
			file,
			args,
			{ timeout: 100_000, env: { ...process.env, ...env } },
			(error, stdout, stderr) => {
				if (error && typeof error.code !== 'number') reject(error);
				else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
			},
		);
		child.stdin?.end(input);
	});
}
