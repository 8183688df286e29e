/** Whether what is sent to this host never leaves this machine; `[::1]`, as URLs have it, is `::1`. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost)$/.test(host);
