/** Rules with more could take long to decide on a path. */
const MOST_STARS = 4;
/** A folder by name first: a rule for everything would check nothing. */
const FORM = /^\/[^*/]+\/./;

/**
 * A rule on whole paths: `*` is anything within one folder's name, `**` anything. It never matches a prefix:
 * `/var/log/a` says nothing of `/var/log/a.sh`.
 * @returns undefined for what is no rule: it must be absolute and begin with a folder by its name
 */
export function pathRule(text: string): ((path: string) => boolean) | undefined {
	const stars = text.match(/\*+/g) ?? [];
	if (!FORM.test(text) || stars.length > MOST_STARS || stars.some(run => run.length > 2)) return undefined;
	if (text.split('/').some(part => part === '.' || part === '..')) return undefined;
	const source = text.replace(/\*\*|\*|[^*\w/]/gu, part =>
		part === '**' ? '[^]*' : part === '*' ? '[^/]*' : `\\u{${part.codePointAt(0)?.toString(16)}}`,
	);
	const pattern = new RegExp(`^${source}$`, 'u');
	return path => pattern.test(path);
}
