/** What lies at a path of a root file system that a kernel unpacks into memory; everything belongs to root. */
export type RootEntry =
	| { readonly kind: 'folder' }
	| { readonly kind: 'file'; readonly content: Buffer | string; readonly isProgram?: boolean }
	| { readonly kind: 'link'; readonly to: string }
	/** A character device. */
	| { readonly kind: 'device'; readonly major: number; readonly minor: number };

/**
 * A cpio archive in the format "newc", which Linux takes as an initramfs (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Made here and not by cpio(1), so that devices need no root, and the same entries give the same
 * bytes. Paths are relative, without `./`; the kernel makes no folders by itself, so those on the way to an entry are added.
 */
export function cpioArchive(entries: Readonly<Record<string, RootEntry>>): Buffer {
	const parts = withFolders(entries).flatMap(([path, entry], index) => record(index + 1, path, entry));
	return Buffer.concat([...parts, ...record(0, 'TRAILER!!!', { kind: 'file', content: '' }, 0)]);
}

/** The entries and the folders on the way to them: each folder before what is in it, always in the same order. */
export function withFolders(entries: Readonly<Record<string, RootEntry>>): (readonly [string, RootEntry])[] {
	const all = new Map<string, RootEntry>();
	for (const path of Object.keys(entries)) {
		const parts = path.split('/');
		for (let depth = 1; depth < parts.length; depth++)
			all.set(parts.slice(0, depth).join('/'), { kind: 'folder' });
	}
	for (const [path, entry] of Object.entries(entries)) all.set(path, entry);
	return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

function record(inode: number, path: string, entry: RootEntry, mode = modeOf(entry)): Buffer[] {
	const content =
		entry.kind === 'file' ? Buffer.from(entry.content) : Buffer.from(entry.kind === 'link' ? entry.to : '');
	const name = Buffer.from(`${path}\0`);
	const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
	const links = entry.kind === 'folder' ? 2 : 1;
	// inode, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, major, minor, name.length, 0];
	const head = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`;
	return [padded(Buffer.concat([Buffer.from(head), name])), padded(content)];
}

function modeOf(entry: RootEntry): number {
	switch (entry.kind) {
		case 'folder':
			return 0o040755;
		case 'file':
			return entry.isProgram ? 0o100755 : 0o100644;
		case 'link':
			return 0o120777;
		case 'device':
			return 0o020600;
		default:
			return entry satisfies never;
	}
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
