import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';

/** Root's way, and that of everybody where user namespaces are allowed. */
const ways = [
	['unshare', '-m'],
	['unshare', '-rm'],
] as const;
const way = ways.find(
	([command, flags]) =>
		spawnSync(command, [flags, 'sh', '-c', 'mount -t tmpfs none /mnt'], { stdio: 'ignore' }).status === 0,
);

/** Skipped, visibly, where no file system may be mounted; under CI=true it runs and fails. */
export const testMounting = (title: string, run: (t: ExecutionContext) => Promise<void>): void =>
	way || process.env.CI === 'true'
		? test.serial(title, run)
		: test.serial.skip(`${title} [needs the right to mount: root, or user namespaces]`, run);

/** Runs the rest of its arguments with the folder $0, as it is, on a disk of its own of 3 MB. */
export const onSmallDisk = (folder: string): string[] => [
	...(way ?? ways[0]),
	'sh',
	'-ec',
	'mkdir "$0.disk"; mount -t tmpfs -o size=3m none "$0.disk"; cp -a "$0/." "$0.disk/"; mount --bind "$0.disk" "$0"; rmdir "$0.disk" 2>/dev/null || true; exec "$@"',
	folder,
];
