import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type NoteVerifier, parseVerifier } from '../../proxy/audit/signed-note.ts';
import type { ConnectionOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';

export interface VerifyOptions {
	readonly expect?: string;
	readonly key?: string;
	readonly json?: boolean;
}
export interface FollowOptions extends ConnectionOptions {
	readonly copy: string;
	readonly logKey?: string;
	readonly once?: boolean;
	readonly json?: boolean;
}
export interface ProveOptions extends ConnectionOptions {
	readonly copy?: string;
	readonly json?: boolean;
}
export interface CheckProofOptions {
	readonly key?: string;
	readonly json?: boolean;
}

/** The public key of a log in a file that the user named; undefined when they named none. */
export function keyIn(context: CliContext, file: string | undefined): NoteVerifier | undefined {
	if (file === undefined) return undefined;
	const named = path.resolve(context.cwd, file);
	if (!existsSync(named)) throw usageError(`there is no file ${named}`, 'the public key of the log');
	const verifier = parseVerifier(readFileSync(named, 'utf8'));
	if (verifier) return verifier;
	throw usageError(`${named} holds no public key of a log`, 'one line: NAME+KEY ID+BASE64, as in log.pub');
}

/** An existing file or folder that the user named. */
export function existing(context: CliContext, given: string, what: string): string {
	const named = path.resolve(context.cwd, given);
	if (!existsSync(named)) throw usageError(`there is no file or folder ${named}`, what);
	return named;
}
