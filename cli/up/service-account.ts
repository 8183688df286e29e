import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import { hashPassword } from '../../common/identity/passwords.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { openSecret, secretPath } from './demo-people.ts';

/**
 * A service's own account at the proxy, as an operator of a party: in operators.yaml beside the people, which is edited
 * and not written anew, and its password in a file of its own. Made where it is missing, also in an older folder.
 */
export async function openServiceAccount(
	folder: string,
	{ name, party }: { readonly name: string; readonly party: string },
): Promise<{ readonly username: string; readonly passwordFile: string; readonly password: string }> {
	const secret = `proxy-${name}`;
	const isKept = existsSync(secretPath(folder, secret));
	const password = await openSecret(folder, secret);
	const account = { username: name, passwordFile: join('secrets', secret), password };
	const path = join(folder, 'operators.yaml');
	const document = parseDocument(await readFile(path, 'utf8'));
	const operators = document.get('operators');
	// What is wrong with the file, the proxy tells with all else that is.
	if (document.errors.length > 0 || !isSeq(operators)) return account;
	const known = operators.items.find(item => isMap(item) && item.get('name') === name);
	// A password that was lost is another one now; what is kept stands there as its hash.
	if (isMap(known) && isKept) return account;
	const hash = await hashPassword(password);
	if (isMap(known)) known.set('password', hash);
	else operators.add(document.createNode({ name, party, password: hash }));
	await writeFileDurably(path, document.toString(), 0o600);
	return account;
}
